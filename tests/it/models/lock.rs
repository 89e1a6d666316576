//! Optimistic locking: a change is meant for the state that its client has read.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_change_for_another_state_is_refused() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let body = json!({"suite": "s", "metrics": {"score": 1}});
    let read_at = model["updated_at"].as_str().unwrap();
    let locked = |read_at: &str| {
        let request = request("POST", &path(&model, "/metrics"), &body);
        cache.exchange(&request.field("If-Updated-At", read_at))
    };
    let changed = accepted(&locked(read_at));
    let current = changed["updated_at"].as_str().unwrap();
    let detail =
        format!("Conflict: model.updated_at has changed (expected {read_at}, got {current})");
    assert_detail(&locked(read_at), 409, &detail);
    let by_query = path(
        &model,
        &format!("/metrics?if_updated_at={}", read_at.replace(' ', "%20")),
    );
    assert_detail(&call(&cache, "POST", &by_query, &body), 409, &detail);
    // The field wins over the query.
    let request = request("POST", &by_query, &body).field("If-Updated-At", current);
    accepted(&cache.exchange(&request));
    assert_eq!(locked("yesterday").status(), 409);
    assert_eq!(event_types(&cache, &model), ["eval", "eval", "create"]);
}

#[test]
fn entity_tags_lock_every_change() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let tag = || {
        get(&cache, &path(&model, ""))
            .value("etag")
            .unwrap()
            .to_owned()
    };
    let stale = tag();
    ok(&cache, "PATCH", &path(&model, ""), &json!({"dataset": "d"}));
    let metrics = json!({"suite": "s", "metrics": {}});
    for (method, rest, body) in [
        ("PATCH", "", json!({"dataset": "e"})),
        ("POST", "/metrics", metrics),
        ("POST", "/promote", Value::Null),
        ("DELETE", "", Value::Null),
    ] {
        let send = |tag: &str| {
            let request = request(method, &path(&model, rest), &body);
            cache.exchange(&request.field("If-Match", tag)).status()
        };
        assert_eq!(send(&stale), 412, "{method} {rest}");
        assert_eq!(send(&format!("W/{}", tag())), 412, "{method} {rest}");
        assert_eq!(
            send(&format!("\"other\", {}", tag())),
            200,
            "{method} {rest}"
        );
    }
    let any = request("DELETE", &path(&model, ""), &Value::Null).field("If-Match", "*");
    assert_detail(&cache.exchange(&any), 404, "Model not found");
}

#[test]
fn a_known_state_is_not_sent_again() {
    let cache = started();
    let model = register(&cache, "m", "1", &json!({"status": "production"}));
    for path in [
        path(&model, ""),
        "/models/by-name/m/1".into(),
        "/production/m".into(),
    ] {
        let tag = get(&cache, &path).value("etag").unwrap().to_owned();
        let known = request("GET", &path, &Value::Null).field("If-None-Match", &tag);
        let response = cache.exchange(&known);
        assert_eq!(
            (response.status(), response.value("etag")),
            (304, Some(tag.as_str()))
        );
        let head = cache.exchange(&request("HEAD", &path, &Value::Null));
        assert_eq!(
            (head.status(), head.value("etag")),
            (200, Some(tag.as_str()))
        );
    }
}

#[test]
fn every_change_makes_it_later() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let mut client = cache.client();
    let mut last = model["updated_at"].as_str().unwrap().to_owned();
    for n in 0..200 {
        let request = request("PATCH", &path(&model, ""), &json!({"training_step": n}));
        let next = accepted(&client.exchange(&request))["updated_at"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}
