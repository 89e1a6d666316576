//! The audit trail.

use serde_json::{Value, json};

use super::*;

#[test]
fn events_have_their_keys_and_come_newest_first() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    for n in 0..5 {
        ok(
            &cache,
            "PATCH",
            &path(&model, ""),
            &json!({"training_step": n}),
        );
    }
    let events = accepted(&get(&cache, &path(&model, "/events")));
    let all = ids(&events);
    assert!(
        all.is_sorted_by(|one, next| one > next) && all.len() == 6,
        "{all:?}"
    );
    assert_eq!(
        keys_of(&events[0]),
        [
            "actor",
            "created_at",
            "event_type",
            "id",
            "model_id",
            "payload"
        ]
    );
    assert_eq!(events[0]["created_at"].as_str().unwrap().len(), 19);
    assert_eq!(
        events[5]["payload"],
        json!({"name": "m", "version": "1", "status": "experimental", "artifact_uri": "s3://bucket/key"})
    );
    let page = accepted(&get(&cache, &path(&model, "/events?limit=2&offset=1")));
    assert_eq!(ids(&page), all[1..3]);
}

#[test]
fn events_survive_the_model_and_an_unknown_one_has_none() {
    let mut cache = started();
    let model = register(&cache, "m", "1", &json!({"status": "staging"}));
    ok(&cache, "DELETE", &path(&model, ""), &Value::Null);
    cache.restart();
    let events = accepted(&get(&cache, &path(&model, "/events")));
    assert_eq!(events[0]["event_type"], "delete");
    assert_eq!(
        events[0]["payload"],
        json!({"name": "m", "version": "1", "status": "staging", "artifact_uri": "s3://bucket/key"})
    );
    assert_eq!(events.as_array().unwrap().len(), 2);
    for unknown in ["77", "0", "-4"] {
        assert_eq!(
            accepted(&get(&cache, &format!("/models/{unknown}/events"))),
            json!([])
        );
    }
    let next = register(&cache, "m", "1", &Value::Null);
    assert!(next["id"].as_u64() > model["id"].as_u64());
}

#[test]
fn a_refused_change_leaves_no_trace() {
    let cache = started();
    let model = register(&cache, "m", "1", &json!({"frozen": true}));
    assert_eq!(
        call(&cache, "PATCH", &path(&model, ""), &json!({"run_id": "r"})).status(),
        409
    );
    assert_eq!(event_types(&cache, &model), ["create"]);
    assert_eq!(accepted(&get(&cache, &path(&model, ""))), model);
}
