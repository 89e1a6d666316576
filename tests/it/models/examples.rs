//! The documented examples, with the real curl, as they stand.

use std::process::Command;

use serde_json::{Value, json};

use super::*;

/// Runs an example in a shell, with the documented address replaced by that of the cache.
fn shell(cache: &Cache, script: &str) -> Value {
    let script = script.replace("127.0.0.1:8001", &cache.address().to_string());
    let output = Command::new("bash")
        .args(["-euc", &script])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{script}: {text}"))
}

const REGISTER: &str = r#"curl -sS -H "X-API-Key: dev" -H "Content-Type: application/json" \
  -d '{
    "name": "demo-model",
    "version": "v1",
    "artifact_uri": "s3://bucket/path/to/checkpoint.pt",
    "checkpoint_sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "checkpoint_size_bytes": 123,
    "config_sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "config_size_bytes": 456,
    "tags": ["demo", "experimental"]
  }' \
  http://127.0.0.1:8001/models"#;

const LIST: &str = r#"curl -sS -H "X-API-Key: dev" "http://127.0.0.1:8001/models?limit=50&sort=updated_at&order=desc""#;

const MEASURE: &str = r#"curl -sS -H "X-API-Key: dev" -H "Content-Type: application/json" \
  -d '{"suite":"smoke-v1","metrics":{"score":1.0,"config_parse_ok":true}}' \
  http://127.0.0.1:8001/models/1/metrics"#;

const MEASURE_LOCKED: &str = r#"UPDATED_AT=$(curl -sS -H "X-API-Key: dev" http://127.0.0.1:8001/models/1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["updated_at"])')
curl -sS -H "X-API-Key: dev" -H "If-Updated-At: $UPDATED_AT" -H "Content-Type: application/json" \
  -d '{"suite":"smoke-v1","metrics":{"score":1.0}}' \
  http://127.0.0.1:8001/models/1/metrics"#;

const SUITES: &str = r#"curl -sS -H "X-API-Key: dev" "http://127.0.0.1:8001/models/1/metrics""#;
const SUITE: &str =
    r#"curl -sS -H "X-API-Key: dev" "http://127.0.0.1:8001/models/1/metrics?suite=smoke-v1""#;
const PROMOTE: &str = r#"curl -sS -X POST -H "X-API-Key: dev" "http://127.0.0.1:8001/models/1/promote?to_status=production""#;
const EVENTS: &str =
    r#"curl -sS -H "X-API-Key: dev" "http://127.0.0.1:8001/models/1/events?limit=50""#;

#[test]
fn the_documented_examples_run_as_they_stand() {
    let cache = Cache::setup()
        .environment("CAIA_REGISTRY_API_KEY", "dev")
        .start();
    let health = shell(&cache, "curl -sS http://127.0.0.1:8001/health");
    assert_eq!(health["status"], "healthy");
    let registered = shell(&cache, REGISTER);
    assert_eq!(registered["id"], 1);
    assert_eq!(registered["tags"], json!(["demo", "experimental"]));
    assert_eq!(shell(&cache, LIST), json!([registered]));
    let measured = shell(&cache, MEASURE);
    let suite = &measured["metrics"]["suites"]["smoke-v1"];
    assert_eq!(suite["config_parse_ok"], true);
    assert_eq!(shell(&cache, MEASURE_LOCKED)["id"], 1);
    let suites = shell(&cache, SUITES);
    assert_eq!(suites["smoke-v1"]["score"], 1.0);
    assert_eq!(shell(&cache, SUITE), suites);
    assert_eq!(shell(&cache, PROMOTE)["status"], "production");
    let events = shell(&cache, EVENTS);
    let events = events.as_array().unwrap().iter();
    let types: Vec<_> = events.map(|event| &event["event_type"]).collect();
    assert_eq!(types, ["promote", "eval", "eval", "create"]);
}

#[test]
fn the_documented_path_of_the_database_is_where_the_catalog_lies() {
    let shown = crate::support::cache::program()
        .env("CAIA_REGISTRY_DB_PATH", "/srv/registry.db")
        .args(["config", "show", "--json"])
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let mut settings = shown.as_array().unwrap().iter();
    let database = settings.find(|setting| setting["key"] == "storage.database");
    // What names a file stands for the directory of the catalog beside it.
    let expected = json!({
        "key": "storage.database", "origin": "CAIA_REGISTRY_DB_PATH", "value": "/srv/catalog",
    });
    assert_eq!(database, Some(&expected));
}
