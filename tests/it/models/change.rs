//! PATCH and DELETE: what may be changed, and what may not.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_patch_sets_what_it_names_and_ignores_nulls() {
    let cache = started();
    let model = register(
        &cache,
        "m",
        "1",
        &json!({"dataset": "old", "run_id": "r", "metrics": {"a": 1}}),
    );
    let patch = json!({
        "description": "new", "dataset": null, "tags": ["t"], "metrics": {"b": 2},
        "training_step": 5, "training_loss": 1.5, "params": 9, "checkpoint_sha256": "E".repeat(64),
    });
    let changed = ok(&cache, "PATCH", &path(&model, ""), &patch);
    assert_eq!(changed["dataset"], "old");
    assert_eq!(changed["metrics"], json!({"b": 2}));
    assert_eq!(changed["checkpoint_sha256"], "e".repeat(64));
    assert_eq!(changed["training_loss"], 1.5);
    assert_eq!(changed["created_at"], model["created_at"]);
    assert!(changed["updated_at"].as_str() > model["updated_at"].as_str());
    let events = accepted(&get(&cache, &path(&model, "/events")));
    let fields = [
        "checkpoint_sha256",
        "params",
        "training_step",
        "training_loss",
        "description",
        "tags",
        "metrics",
    ];
    assert_eq!(events[0]["payload"], json!({"updated_fields": fields}));
    for nothing in [json!({}), json!({"description": null, "frozen": null})] {
        let same = ok(&cache, "PATCH", &path(&model, ""), &nothing);
        assert_eq!(same, changed);
    }
    assert_eq!(event_types(&cache, &model), ["update", "create"]);
}

#[test]
fn name_version_and_unknown_fields_cannot_be_set() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    for field in [
        "name",
        "version",
        "id",
        "config_json",
        "created_at",
        "colour",
    ] {
        let response = call(&cache, "PATCH", &path(&model, ""), &json!({field: "x"}));
        assert_field(&response, &json!(["body", field]), "extra_forbidden");
    }
    for field in ["artifact_uri", "local_checkpoint_path", "local_config_path"] {
        let cache = keyed()
            .config("registry: {allow_local_paths: true}")
            .start();
        let model = register(&cache, "m", "1", &Value::Null);
        let response = call(&cache, "PATCH", &path(&model, ""), &json!({field: "  "}));
        assert_detail(&response, 400, &format!("{field} cannot be empty"));
    }
    assert_eq!(call(&cache, "PATCH", "/models/9", &json!({})).status(), 404);
}

/// What a model is made of, each with a value that it may be given.
fn made_of() -> Value {
    json!({
        "artifact_uri": "s3://b/other", "checkpoint_sha256": "a".repeat(64), "checkpoint_size_bytes": 1,
        "config_sha256": "a".repeat(64), "config_size_bytes": 1, "run_id": "r", "git_commit": "g",
        "created_by": "c", "source_host": "s", "d_model": 1, "n_layers": 1, "n_heads": 1,
        "vocab_size": 1, "params": 1,
    })
}

#[test]
fn what_a_model_in_production_or_frozen_is_made_of_stays() {
    let cache = started();
    let production = register(&cache, "m", "1", &json!({"status": "production"}));
    let frozen = register(&cache, "m", "2", &json!({"frozen": true}));
    for model in [production, frozen] {
        for (field, value) in made_of().as_object().unwrap() {
            let patch = json!({field: value, "description": "x"});
            let response = call(&cache, "PATCH", &path(&model, ""), &patch);
            let detail =
                format!("Model is immutable (production/frozen); blocked fields: ['{field}']");
            assert_detail(&response, 409, &detail);
        }
        let response = call(
            &cache,
            "PATCH",
            &path(&model, ""),
            &json!({"run_id": "r", "params": 1}),
        );
        let detail = "Model is immutable (production/frozen); blocked fields: ['params', 'run_id']";
        assert_detail(&response, 409, detail);
        assert_eq!(
            accepted(&get(&cache, &path(&model, "")))["description"],
            Value::Null
        );
        let free = json!({
            "description": "d", "tags": ["t"], "metrics": {"a": 1}, "training_step": 1,
            "training_loss": 0.1, "dataset": "d", "frozen": true,
        });
        ok(&cache, "PATCH", &path(&model, ""), &free);
        ok(
            &cache,
            "PATCH",
            &path(&model, ""),
            &json!({"status": "archived"}),
        );
    }
}

#[test]
fn freezing_is_for_ever() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    ok(
        &cache,
        "PATCH",
        &path(&model, ""),
        &json!({"frozen": false, "run_id": "r"}),
    );
    ok(&cache, "PATCH", &path(&model, ""), &json!({"frozen": true}));
    let response = call(
        &cache,
        "PATCH",
        &path(&model, ""),
        &json!({"frozen": false}),
    );
    assert_detail(&response, 409, "Cannot unfreeze a frozen model");
}

#[test]
fn a_patched_status_passes_the_gate_and_demotes_like_a_promotion() {
    let cache = keyed()
        .environment("CAIA_REGISTRY_PROMOTION_REQUIRED_SUITE", "core-v1")
        .start();
    let scored = |score: f64| json!({"metrics": {"suites": {"core-v1": {"score": score}}}});
    let first = register(&cache, "m", "1", &scored(0.5));
    promote(&cache, &first, "production");
    let (none, better) = (
        register(&cache, "m", "2", &Value::Null),
        register(&cache, "m", "3", &scored(0.6)),
    );
    let to_production = json!({"status": "production"});
    let response = call(&cache, "PATCH", &path(&none, ""), &to_production);
    assert_detail(&response, 409, "Promotion requires suite metrics: core-v1");
    ok(&cache, "PATCH", &path(&better, ""), &to_production);
    assert_eq!(
        accepted(&get(&cache, &path(&first, "")))["status"],
        "staging"
    );
    assert_eq!(
        event_types(&cache, &first),
        ["auto_demote", "promote", "create"]
    );
    assert_eq!(
        event_types(&cache, &better),
        ["update", "promote", "create"]
    );
}

#[test]
fn the_gate_can_be_bypassed_where_the_operator_says_so() {
    let cache = keyed()
        .config("registry: {promotion_required_suite: core-v1, patch_status_bypass: true}")
        .start();
    let (first, second) = (
        register(&cache, "m", "1", &Value::Null),
        register(&cache, "m", "2", &Value::Null),
    );
    for model in [&first, &second] {
        ok(
            &cache,
            "PATCH",
            &path(model, ""),
            &json!({"status": "production"}),
        );
    }
    // There is one version in production all the same.
    assert_eq!(
        accepted(&get(&cache, &path(&first, "")))["status"],
        "staging"
    );
}

#[test]
fn registering_in_production_demotes_the_former_version() {
    let cache = started();
    let first = register(&cache, "m", "1", &json!({"status": "production"}));
    let second = register(&cache, "m", "2", &json!({"status": "production"}));
    assert_eq!(accepted(&get(&cache, "/production/m")), second);
    assert_eq!(
        accepted(&get(&cache, &path(&first, "")))["status"],
        "staging"
    );
    assert_eq!(event_types(&cache, &first), ["auto_demote", "create"]);
}

#[test]
fn what_is_in_use_can_be_deleted_unless_it_is_protected() {
    for (config, status) in [
        ("registry: {}", 200),
        ("registry: {protect_production: true}", 409),
    ] {
        let cache = keyed().config(config).start();
        let production = register(&cache, "m", "1", &json!({"status": "production"}));
        let frozen = register(&cache, "m", "2", &json!({"frozen": true}));
        for model in [production, frozen] {
            let response = call(&cache, "DELETE", &path(&model, ""), &Value::Null);
            assert_eq!(response.status(), status, "{}", response.text());
        }
        let free = register(&cache, "m", "3", &Value::Null);
        ok(&cache, "DELETE", &path(&free, ""), &Value::Null);
    }
}
