//! `model` on the command line, with the flags of the scripts it replaces.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::*;
use crate::support::cache::program;

/// Runs `model` with these arguments against the cache.
fn model(cache: &Cache, arguments: &[&str]) -> Output {
    command(cache).args(arguments).output().unwrap()
}

fn command(cache: &Cache) -> Command {
    let mut command = program();
    let url = format!("http://{}", cache.address());
    command
        .env("ARTIFACT_CACHE_URL", url)
        .env("CAIA_REGISTRY_API_KEY", KEY)
        .arg("model");
    command
}

/// The JSON that it printed.
#[track_caller]
fn printed(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// A checkpoint and its configuration, by their paths.
fn files() -> (tempfile::TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (checkpoint, config) = (path("checkpoint.pt"), path("config.json"));
    std::fs::write(&checkpoint, "weights").unwrap();
    std::fs::write(&config, r#"{"d_model": 8}"#).unwrap();
    (directory, checkpoint, config)
}

#[test]
fn the_documented_registration_and_benchmark_run_with_their_flags() {
    let (cache, (_directory, checkpoint, config)) = (started(), files());
    let url = format!("http://{}", cache.address());
    let place = ["--registry-url", &url, "--api-key", KEY];
    let mut ingest = program();
    ingest.args(["model", "ingest"]).args(place);
    ingest.args(["--name", "demo-model", "--version", "v1"]);
    ingest.args(["--checkpoint-path", &checkpoint, "--config-path", &config]);
    let model = printed(&ingest.output().unwrap());
    let digest = artifact_cache_layers::digest::Sha256::of(b"weights").to_string();
    assert_eq!(model["artifact_uri"], format!("sha256:{digest}"));
    assert_eq!(model["checkpoint_size_bytes"], 7);
    assert_eq!(model["d_model"], 8);
    assert!(model["config_sha256"].is_string() && model["source_host"].is_string());

    let mut bench = program();
    bench.args(["model", "bench"]).args(place);
    bench.args([
        "--model-id",
        "1",
        "--suite",
        "smoke-v1",
        "--notes",
        "local smoke",
    ]);
    let measured = printed(&bench.args(["--config-path", &config]).output().unwrap());
    let suite = &measured["metrics"]["suites"]["smoke-v1"];
    assert_eq!(suite["score"], 1.0);
    assert_eq!(suite["artifact_accessible"], false);
    assert_eq!(suite["checkpoint_size_bytes"], 7);
    assert_eq!(suite["_meta"]["notes"], "local smoke");
}

/// Every flag of a registration that needs no file.
const INGEST: &[&str] = &[
    "ingest",
    "--name",
    "m",
    "--version",
    "1",
    "--status",
    "staging",
    "--artifact-uri",
    "s3://b/k",
    "--run-id",
    "r",
    "--git-commit",
    "g",
    "--created-by",
    "c",
    "--source-host",
    "h",
    "--training-step",
    "5",
    "--training-loss",
    "0.5",
    "--dataset",
    "d",
    "--description",
    "x",
    "--tag",
    "a",
    "--tag",
    "b",
    "--metrics-json",
    r#"{"k": 1}"#,
];

#[test]
fn every_flag_of_a_registration_arrives() {
    let (cache, (directory, checkpoint, _)) = (started(), files());
    let metadata = directory.path().join("sent.json");
    let paths = [
        "--checkpoint-path",
        &checkpoint,
        "--write-metadata",
        metadata.to_str().unwrap(),
    ];
    let arguments = [INGEST, &paths].concat();
    let dry = printed(
        &command(&cache)
            .args(&arguments)
            .arg("--dry-run")
            .output()
            .unwrap(),
    );
    assert_eq!(accepted(&get(&cache, "/models")), json!([]));
    let written: Value = serde_json::from_slice(&std::fs::read(&metadata).unwrap()).unwrap();
    assert_eq!(written, dry);
    let found = printed(&model(&cache, &arguments));
    for (key, value) in dry.as_object().unwrap() {
        assert_eq!(found[key], *value, "{key}");
    }
    assert_eq!(found["tags"], json!(["a", "b"]));
    let again = model(&cache, &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("Model m:1 already exists"));
}

#[test]
fn models_are_looked_at_moved_and_removed() {
    let cache = started();
    register(&cache, "m", "1", &json!({"tags": ["t"]}));
    let run = |arguments: &[&str]| printed(&model(&cache, arguments));
    assert_eq!(ids(&run(&["ls", "--json", "--tag", "t"])), [1]);
    assert_eq!(run(&["show", "m:1"])["id"], 1);
    assert_eq!(run(&["promote", "m:1"])["status"], "production");
    assert_eq!(
        run(&["promote", "1", "--to", "archived"])["status"],
        "archived"
    );
    assert_eq!(run(&["metrics", "1"]), json!({}));
    assert_eq!(run(&["compare", "1", "2"])["models"][0]["id"], 1);
    let refused = model(&cache, &["rm", "1"]);
    assert_eq!(refused.status.code(), Some(64));
    assert_eq!(
        run(&["rm", "1", "--yes"]),
        json!({"status": "deleted", "id": 1})
    );
    let events = run(&["events", "1", "--json"]);
    assert_eq!(events[0]["event_type"], "delete");
    let gone = model(&cache, &["show", "1"]);
    assert_eq!(gone.status.code(), Some(2));
    let exported = model(&cache, &["export"]);
    assert!(exported.status.success());
}

#[test]
fn a_missing_or_wrong_key_has_its_exit_code() {
    let cache = started();
    let mut without = command(&cache);
    let without = without
        .env_remove("CAIA_REGISTRY_API_KEY")
        .args(["show", "1"]);
    assert_eq!(without.output().unwrap().status.code(), Some(64));
    let wrong = model(&cache, &["show", "1", "--api-key", "wrong"]);
    assert_eq!(wrong.status.code(), Some(3));
    let lines = |path: &str| printed_lines(&model(&cache, &[path]));
    register(&cache, "m", "1", &Value::Null);
    let exported = lines("export");
    assert_eq!(exported[0]["model"]["name"], "m");
    assert_eq!(exported[1]["event"]["event_type"], "create");
}

fn printed_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
