//! `POST /models`, and finding what was registered.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_model_has_all_its_keys_and_whole_seconds_at_first() {
    let cache = started();
    let model = register(
        &cache,
        "demo-model",
        "v1",
        &json!({"tags": ["demo", "experimental"]}),
    );
    assert_eq!(keys_of(&model), KEYS);
    assert_eq!(model["status"], "experimental");
    assert_eq!(model["frozen"], false);
    assert_eq!(model["source_host"], "127.0.0.1");
    assert_eq!(model["created_at"], model["updated_at"]);
    let created = model["created_at"].as_str().unwrap();
    assert_eq!((created.len(), &created[10..11]), (19, " "), "{created}");
    assert_eq!(accepted(&get(&cache, &path(&model, ""))), model);
    assert_eq!(
        accepted(&get(&cache, "/models/by-name/demo-model/v1")),
        model
    );
    assert_eq!(accepted(&get(&cache, "/models")), json!([model]));
}

#[test]
fn every_field_comes_back_as_it_was_sent() {
    let cache = started();
    let sent = json!({
        "name": "näme/with slash", "version": "v 1", "status": "staging", "artifact_uri": " s3://b/k ",
        "checkpoint_sha256": format!("SHA256:{}", "A".repeat(64)), "checkpoint_size_bytes": 123,
        "config_sha256": "b".repeat(64), "config_size_bytes": 0,
        "run_id": "run", "git_commit": "abc", "created_by": "me", "source_host": "gpu1",
        "frozen": true, "d_model": 1, "n_layers": 2, "n_heads": 3, "vocab_size": 4, "params": 5,
        "training_step": -6, "training_loss": 0.25, "dataset": "d", "description": "ü\u{0}",
        "tags": ["a", "a"], "metrics": {"z": [1, {"y": null}], "suites": {}},
    });
    let model = ok(&cache, "POST", "/models", &sent);
    let mut expected = sent;
    expected["artifact_uri"] = "s3://b/k".into();
    expected["checkpoint_sha256"] = "a".repeat(64).into();
    for key in ["id", "created_at", "updated_at"] {
        expected[key] = model[key].clone();
    }
    expected["local_checkpoint_path"] = Value::Null;
    expected["local_config_path"] = Value::Null;
    assert_eq!(model, expected);
    let named = "/models/by-name/n%C3%A4me%2Fwith%20slash/v%201";
    assert_eq!(accepted(&get(&cache, named)), model);
}

#[test]
fn a_name_and_version_can_be_had_once() {
    let cache = started();
    register(&cache, "m", "1", &Value::Null);
    let again = json!({"name": "m", "version": "1", "artifact_uri": "other"});
    let response = call(&cache, "POST", "/models", &again);
    assert_detail(&response, 409, "Model m:1 already exists");
    register(&cache, "m", "2", &Value::Null);
    register(&cache, "m2", "1", &Value::Null);
}

#[test]
fn numbers_are_never_used_twice() {
    let cache = started();
    let first = register(&cache, "m", "1", &Value::Null);
    let gone = ok(&cache, "DELETE", &path(&first, ""), &Value::Null);
    assert_eq!(gone, json!({"status": "deleted", "id": first["id"]}));
    let second = register(&cache, "m", "1", &Value::Null);
    assert!(second["id"].as_u64() > first["id"].as_u64());
    assert_detail(&get(&cache, &path(&first, "")), 404, "Model not found");
}

#[test]
fn the_uri_follows_from_the_digest_and_one_of_them_is_needed() {
    let cache = started();
    let hex = "c".repeat(64);
    let body = json!({"name": "m", "version": "1", "checkpoint_sha256": hex, "artifact_uri": " "});
    let model = ok(&cache, "POST", "/models", &body);
    assert_eq!(model["artifact_uri"], format!("sha256:{hex}"));
    let body = json!({"name": "m", "version": "2"});
    let response = call(&cache, "POST", "/models", &body);
    let detail = "artifact_uri is required unless checkpoint_sha256 is provided";
    assert_detail(&response, 400, detail);
}

#[test]
fn the_architecture_is_taken_from_the_configuration() {
    let cache = started();
    let config = json!({"d_model": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 100});
    for (version, config, n_heads) in [
        ("flat", config.clone(), 4),
        ("nested", json!({"architecture": config, "d_model": 1}), 4),
    ] {
        let model = register(&cache, "m", version, &json!({"config_json": config}));
        assert_eq!(
            (&model["d_model"], &model["n_layers"]),
            (&json!(64), &json!(2))
        );
        assert_eq!(
            (&model["n_heads"], &model["vocab_size"]),
            (&json!(n_heads), &json!(100))
        );
    }
    let more = json!({"config_json": config, "d_model": 65});
    assert_eq!(register(&cache, "m", "own", &more)["d_model"], 65);
}

#[test]
fn wrong_types_and_unknown_fields_are_named_one_by_one() {
    let cache = started();
    for (field, value, kind) in [
        ("name", json!(1), "string_type"),
        ("name", Value::Null, "string_type"),
        ("version", json!(["v"]), "string_type"),
        ("status", json!("live"), "literal_error"),
        ("status", Value::Null, "literal_error"),
        ("frozen", json!("maybe"), "bool_type"),
        ("training_step", json!("x"), "int_type"),
        ("training_step", json!(1.5), "int_type"),
        ("training_loss", json!("x"), "float_type"),
        ("tags", json!("demo"), "list_type"),
        ("metrics", json!([]), "dict_type"),
        ("colour", json!("red"), "extra_forbidden"),
        ("id", json!(1), "extra_forbidden"),
    ] {
        let mut body = json!({"name": "m", "version": "1", "artifact_uri": "u"});
        body[field] = value;
        let response = call(&cache, "POST", "/models", &body);
        assert_field(&response, &json!(["body", field]), kind);
    }
    let both = call(&cache, "POST", "/models", &json!({"extra": 1, "status": 2}));
    for (field, kind) in [
        ("name", "missing"),
        ("version", "missing"),
        ("status", "literal_error"),
        ("extra", "extra_forbidden"),
    ] {
        assert_field(&both, &json!(["body", field]), kind);
    }
    assert_eq!(accepted(&get(&cache, "/models")), json!([]));
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    let cache = started();
    let post = |body: &str| {
        let request = Request::new("POST", "/models").field("X-API-Key", KEY);
        cache.exchange(&request.field("Content-Type", "application/json").body(body))
    };
    assert_field(&post("[1]"), &json!(["body"]), "model_attributes_type");
    assert_field(&post("7"), &json!(["body"]), "model_attributes_type");
    assert_field(&post(""), &json!(["body"]), "missing");
    let broken = post("{\"name\": ");
    assert_eq!(broken.status(), 422);
    assert_eq!(broken.json()["detail"][0]["type"], "json_invalid");
    let nested = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(post(&nested).status(), 422);
    let form = Request::new("POST", "/models")
        .field("X-API-Key", KEY)
        .field("Content-Type", "application/x-www-form-urlencoded");
    let response = cache.exchange(&form.body("name=m"));
    assert_field(&response, &json!(["body"]), "model_attributes_type");
}

#[test]
fn digests_and_sizes_are_checked() {
    let cache = started();
    for (field, value, detail) in [
        (
            "checkpoint_sha256",
            json!("abc"),
            "Invalid sha256 (expected 64 hex characters)",
        ),
        (
            "config_sha256",
            json!("g".repeat(64)),
            "Invalid sha256 (expected 64 hex characters)",
        ),
        (
            "checkpoint_size_bytes",
            json!(-1),
            "checkpoint_size_bytes must be >= 0",
        ),
        (
            "config_size_bytes",
            json!(-5),
            "config_size_bytes must be >= 0",
        ),
    ] {
        let mut body = json!({"name": "m", "version": "1", "artifact_uri": "u"});
        body[field] = value.clone();
        assert_detail(&call(&cache, "POST", "/models", &body), 400, detail);
        let model = register(&cache, field, "1", &Value::Null);
        let response = call(&cache, "PATCH", &path(&model, ""), &json!({field: value}));
        assert_detail(&response, 400, detail);
    }
}

#[test]
fn bad_numbers_in_paths_are_refused_and_unknown_ones_not_found() {
    let cache = started();
    for (method, rest) in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/metrics"),
        ("POST", "/promote"),
    ] {
        let response = call(
            &cache,
            method,
            &format!("/models/seven{rest}"),
            &Value::Null,
        );
        assert_field(&response, &json!(["path", "model_id"]), "int_parsing");
        for id in ["0", "-1", "7", "99999999999999999999999"] {
            let response = call(&cache, method, &format!("/models/{id}{rest}"), &Value::Null);
            assert_detail(&response, 404, "Model not found");
        }
    }
    assert_detail(&get(&cache, "/models/by-name/m/1"), 404, "Model not found");
}

#[test]
fn a_wrong_method_is_named_with_the_right_ones() {
    let cache = started();
    for (method, path, allow) in [
        ("PUT", "/models", "GET, HEAD, POST"),
        ("POST", "/models/1", "GET, HEAD, PATCH, DELETE"),
        ("GET", "/models/1/promote", "POST"),
        ("DELETE", "/models/1/events", "GET, HEAD"),
        ("POST", "/stats", "GET, HEAD"),
    ] {
        let response = call(&cache, method, path, &Value::Null);
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.value("allow"), Some(allow));
    }
    assert_eq!(get(&cache, "/models/1/nothing").status(), 404);
}

#[test]
fn local_paths_are_refused_unless_they_are_allowed() {
    let cache = started();
    for field in [
        "checkpoint_path",
        "local_checkpoint_path",
        "config_path",
        "local_config_path",
    ] {
        let body = json!({"name": "m", "version": "1", "artifact_uri": "u", field: "/etc/passwd"});
        let response = call(&cache, "POST", "/models", &body);
        assert_detail(&response, 400, "Local paths are disabled on this server");
    }
}

/// A checkpoint of seven bytes and its configuration.
struct Files {
    _directory: tempfile::TempDir,
    checkpoint: std::path::PathBuf,
    body: Value,
}

fn files() -> Files {
    let directory = tempfile::tempdir().unwrap();
    let (checkpoint, config) = (
        directory.path().join("c.pt"),
        directory.path().join("c.json"),
    );
    std::fs::write(&checkpoint, "weights").unwrap();
    std::fs::write(&config, r#"{"architecture": {"d_model": 8}}"#).unwrap();
    let body = json!({
        "name": "m", "version": "1", "checkpoint_path": checkpoint, "config_path": config,
    });
    Files {
        _directory: directory,
        checkpoint,
        body,
    }
}

fn allowed() -> crate::support::cache::Setup {
    keyed().environment("CAIA_REGISTRY_ALLOW_LOCAL_PATHS", "1")
}

#[test]
fn allowed_local_files_are_measured_and_shown_where_that_is_wanted() {
    let files = files();
    let cache = allowed()
        .environment("CAIA_REGISTRY_EXPOSE_LOCAL_PATHS", "true")
        .start();
    let model = ok(&cache, "POST", "/models", &files.body);
    let digest = artifact_cache_layers::digest::Sha256::of(b"weights").to_string();
    assert_eq!(model["checkpoint_sha256"], digest);
    assert_eq!(model["checkpoint_size_bytes"], 7);
    assert_eq!(model["artifact_uri"], format!("sha256:{digest}"));
    assert_eq!(model["d_model"], 8);
    let path = files.checkpoint.to_str().unwrap();
    assert_eq!(model["local_checkpoint_path"], path);
}

#[test]
fn large_local_files_are_registered_without_a_digest_and_paths_stay_hidden() {
    let mut files = files();
    let cache = allowed()
        .environment("CAIA_REGISTRY_MAX_HASH_BYTES", "3")
        .start();
    files.body["artifact_uri"] = "u".into();
    let model = ok(&cache, "POST", "/models", &files.body);
    assert_eq!(model["local_checkpoint_path"], Value::Null);
    assert_eq!(model["checkpoint_sha256"], Value::Null);
    assert_eq!(model["checkpoint_size_bytes"], 7);
}

#[test]
fn a_local_file_that_is_not_what_the_request_says_is_refused() {
    let (files, cache) = (files(), allowed().start());
    for (field, value, detail) in [
        (
            "checkpoint_sha256",
            json!("d".repeat(64)),
            "checkpoint_sha256 does not match local file hash",
        ),
        (
            "checkpoint_size_bytes",
            json!(8),
            "checkpoint_size_bytes does not match local file size",
        ),
        (
            "checkpoint_path",
            json!("/nowhere/c.pt"),
            "local_checkpoint_path is not readable",
        ),
        (
            "config_path",
            json!(files.checkpoint),
            "Failed to read config JSON from local_config_path",
        ),
    ] {
        let mut body = files.body.clone();
        body[field] = value;
        assert_detail(&call(&cache, "POST", "/models", &body), 400, detail);
    }
}
