//! Metrics of suites.

use artifact_cache_layers::digest::Sha256;
use serde_json::{Value, json};

use super::*;

#[test]
fn metrics_of_a_suite_are_merged_and_say_who_wrote_them() {
    let cache = started();
    let model = register(&cache, "m", "1", &json!({"metrics": {"kept": 1}}));
    let write = |body: &Value| ok(&cache, "POST", &path(&model, "/metrics"), body);
    let first =
        write(&json!({"suite": " smoke-v1 ", "metrics": {"score": 0.5, "a": 1}, "dataset": "d"}));
    assert_eq!(keys_of(&first), KEYS);
    assert!(first["updated_at"].as_str() > model["updated_at"].as_str());
    let second = write(&json!({
        "suite": "smoke-v1", "metrics": {"score": 1.0, "b": [2]}, "notes": "n",
        "eval_commit": "c", "eval_config": {"k": "v"},
    }));
    let entry = &second["metrics"]["suites"]["smoke-v1"];
    let meta = entry["_meta"].clone();
    assert_eq!(
        *entry,
        json!({"score": 1.0, "a": 1, "b": [2], "_meta": meta})
    );
    let recorded_at = meta["recorded_at"].as_str().unwrap();
    assert!(
        recorded_at.len() == 25 && recorded_at.ends_with("+00:00"),
        "{recorded_at}"
    );
    assert_eq!(
        meta,
        json!({
            "dataset": "d", "notes": "n", "eval_commit": "c", "eval_config": {"k": "v"},
            "actor": "key:dev-…", "recorded_at": recorded_at,
        })
    );
    assert_eq!(second["metrics"]["kept"], 1);
    write(&json!({"suite": "core-v1", "metrics": {}}));
    let suites = accepted(&get(&cache, &path(&model, "/metrics")));
    assert_eq!(keys_of(&suites), ["core-v1", "smoke-v1"]);
    let one = accepted(&get(&cache, &path(&model, "/metrics?suite=smoke-v1")));
    assert_eq!(one, json!({"smoke-v1": suites["smoke-v1"]}));
    let response = get(&cache, &path(&model, "/metrics?suite=other"));
    assert_detail(&response, 404, "Suite not found");
}

#[test]
fn the_trail_has_the_digest_of_what_was_there_before() {
    let cache = started();
    let before = json!({"z": 1.0, "a": {"é": [true, null], "b": 1e-7}});
    let model = register(&cache, "m", "1", &json!({"metrics": before}));
    let body = json!({"suite": "s", "metrics": {"score": 1}, "notes": "n"});
    ok(&cache, "POST", &path(&model, "/metrics"), &body);
    let events = accepted(&get(&cache, &path(&model, "/events")));
    assert_eq!(events[0]["event_type"], "eval");
    // json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    let canonical = r#"{"a":{"b":1e-07,"é":[true,null]},"z":1.0}"#;
    assert_eq!(
        events[0]["payload"],
        json!({
            "suite": "s", "metrics": {"score": 1}, "notes": "n",
            "prior_metrics_sha256": Sha256::of(canonical.as_bytes()).to_string(),
        })
    );
}

#[test]
fn a_result_without_a_suite_or_in_another_form_is_refused() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let post = |body: &Value| call(&cache, "POST", &path(&model, "/metrics"), body);
    let blank = post(&json!({"suite": " ", "metrics": {}}));
    assert_detail(&blank, 400, "suite is required");
    for (body, field, kind) in [
        (json!({"metrics": {}}), "suite", "missing"),
        (json!({"suite": "s"}), "metrics", "missing"),
        (json!({"suite": "s", "metrics": 1}), "metrics", "dict_type"),
        (json!({"suite": 1, "metrics": {}}), "suite", "string_type"),
        (
            json!({"suite": "s", "metrics": {}, "x": 1}),
            "x",
            "extra_forbidden",
        ),
    ] {
        assert_field(&post(&body), &json!(["body", field]), kind);
    }
    assert_eq!(event_types(&cache, &model), ["create"]);
    let unknown = call(
        &cache,
        "POST",
        "/models/9/metrics",
        &json!({"suite": "s", "metrics": {}}),
    );
    assert_detail(&unknown, 404, "Model not found");
    assert_detail(&get(&cache, "/models/9/metrics"), 404, "Model not found");
}

#[test]
fn metrics_that_are_no_suites_are_replaced_by_them() {
    let cache = started();
    let model = register(
        &cache,
        "m",
        "1",
        &json!({"metrics": {"suites": [1], "x": 2}}),
    );
    assert_eq!(accepted(&get(&cache, &path(&model, "/metrics"))), json!({}));
    let body = json!({"suite": "s", "metrics": {"score": 1}});
    let model = ok(&cache, "POST", &path(&model, "/metrics"), &body);
    assert_eq!(model["metrics"]["suites"]["s"]["score"], 1);
    assert_eq!(model["metrics"]["x"], 2);
}
