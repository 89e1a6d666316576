//! The whole way of a model: what a training leaves is uploaded, registered, measured, promoted, resolved
//! and read, and its bytes are the same at the end.

use std::process::Output;

use serde_json::{Value, json};

use super::*;
use crate::support::{
    cache::program,
    eventually,
    origin::{Content, Origin, Reply},
    s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
};

/// A training's output.
fn trained() -> (tempfile::TempDir, String, Content) {
    let (directory, content) = (tempfile::tempdir().unwrap(), Content::seeded(11, 3_000_000));
    let path = directory.path().join("checkpoint.pt");
    std::fs::write(&path, content.bytes()).unwrap();
    (directory, path.display().to_string(), content)
}

/// `model ingest` of that checkpoint with `--upload`.
fn ingest(cache: &Cache, store: &Store, checkpoint: &str, upload: &str) -> Output {
    program()
        .env("ARTIFACT_CACHE_URL", format!("http://{}", cache.address()))
        .env("CAIA_REGISTRY_API_KEY", KEY)
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .args(["model", "ingest", "--name", "m", "--version", "1"])
        .args(["--checkpoint-path", checkpoint, "--upload", upload])
        .output()
        .unwrap()
}

#[track_caller]
fn registered(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn with_store(store: &Store) -> Cache {
    let (store, rest) = (
        store.settings(),
        "registry: {warm_on_promote: true}\nstorage: {max_bytes: 16MiB}\n",
    );
    keyed()
        .allow_cidrs(&["127.0.0.0/8"])
        .config(&format!("{store}{rest}"))
        .start()
}

#[test]
fn from_a_training_to_a_verified_path() {
    let store = Store::start();
    let (cache, (_directory, checkpoint, content)) = (with_store(&store), trained());
    let upload = format!("s3://{BUCKET}/runs/7/");
    let model = registered(&ingest(&cache, &store, &checkpoint, &upload));
    let uri = format!("s3://{BUCKET}/runs/7/checkpoint.pt");
    assert_eq!(model["artifact_uri"], uri);
    assert_eq!(model["checkpoint_sha256"], content.sha256().to_string());
    assert_eq!(model["checkpoint_size_bytes"], content.length());

    let metrics = json!({"suite": "core-v1", "metrics": {"score": 0.9}});
    ok(&cache, "POST", &path(&model, "/metrics"), &metrics);
    accepted(&promote(&cache, &model, "production"));
    let told = |event: &Value| event["name"] == "m";
    cache.trace().wait_for("model warmed", told);

    let current = accepted(&get(&cache, "/production/m"));
    let wanted = json!({
        "artifact_uri": current["artifact_uri"],
        "sha256": current["checkpoint_sha256"],
        "size_bytes": current["checkpoint_size_bytes"],
    });
    let resolved = ok(&cache, "POST", "/resolve", &wanted);
    assert_eq!(resolved["cached"], true, "it was warm");
    let local = resolved["local_path"].as_str().unwrap();
    assert!(std::fs::read(local).unwrap() == content.bytes());
    get(&cache, "/production/m/artifact").assert_is(&content);
    assert_eq!(event_types(&cache, &model), ["promote", "eval", "create"]);

    press(&cache);
    assert!(std::fs::read(local).unwrap() == content.bytes());
    assert_kept(&cache, &store, &content);
}

/// The version in production is there without anybody being asked for it.
#[track_caller]
fn assert_kept(cache: &Cache, store: &Store, content: &Content) {
    let asked = store.count("GET");
    let response = get(cache, "/production/m/artifact");
    response.assert_is(content);
    assert_eq!(response.value("x-cache-status"), Some("HIT"));
    assert_eq!(store.count("GET"), asked);
}

/// Fetches so much else, and that twice, that most of it must go again.
fn press(cache: &Cache) {
    let origin = Origin::start();
    for seed in 0..30 {
        let (other, file) = (Content::seeded(100 + seed, 2 << 20), format!("/{seed}"));
        origin.route(&file, Reply::ok(other.clone()));
        for _ in 0..2 {
            cache.fetch(&origin.url(&file)).assert_is(&other);
        }
    }
    let evicted = || cache.metric("artifact_cache_evicted_total");
    eventually("others made room", || evicted() > 10.0);
}

#[test]
fn a_checkpoint_among_the_files_is_registered_by_its_address() {
    let store = Store::start();
    let (cache, (_directory, checkpoint, content)) = (with_store(&store), trained());
    let model = registered(&ingest(&cache, &store, &checkpoint, "files"));
    let digest = content.sha256();
    let uri = format!("http://{}/files/{digest}", cache.address());
    assert_eq!(model["artifact_uri"], uri);
    let response = get(&cache, &format!("/files/{digest}"));
    response.assert_is(&content);
    // What was uploaded is private: knowing the model gives no way to it.
    assert_eq!(get(&cache, &path(&model, "/artifact")).status(), 403);
}

#[test]
fn nothing_is_registered_when_the_upload_fails() {
    let mut store = Store::start();
    let (cache, (_directory, checkpoint, _)) = (with_store(&store), trained());
    store.stop();
    let output = ingest(&cache, &store, &checkpoint, &format!("s3://{BUCKET}/c.pt"));
    assert!(!output.status.success());
    assert_eq!(accepted(&get(&cache, "/models")), json!([]));
    let output = ingest(&cache, &store, &checkpoint, "ftp://example.com/");
    assert_eq!(output.status.code(), Some(64));
}
