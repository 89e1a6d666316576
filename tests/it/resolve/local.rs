//! Paths of this machine: only when that is allowed, only inside the allowed directories, and outside
//! of them not even whether something is there.

use std::{fs, os::unix::fs::symlink, path::Path};

use artifact_cache_layers::digest::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{assert_refused, assert_resolved, post};
use crate::support::{cache::Cache, origin::Content};

/// A directory that may be resolved from, one beside it that may not, and the cache.
fn allowed() -> (TempDir, Cache) {
    let directory = TempDir::new().unwrap();
    for name in ["in", "in-not", "out"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let prefix = directory.path().join("in");
    let cache = Cache::setup()
        .environment("ARTIFACT_ALLOW_LOCAL_PATHS", "1")
        .environment("ARTIFACT_ALLOWED_PATH_PREFIXES", prefix.to_str().unwrap())
        .environment("ARTIFACT_MAX_HASH_BYTES", "1000")
        .start();
    (directory, cache)
}

fn uri(path: &Path) -> Value {
    json!({"artifact_uri": path.to_str().unwrap()})
}

#[test]
fn local_paths_are_refused_unless_they_are_allowed() {
    let cache = Cache::start();
    let text = "Local paths are disabled (set ARTIFACT_ALLOW_LOCAL_PATHS=1)";
    for uri in ["/etc/hostname", "file:///etc/hostname", "relative"] {
        assert_refused(&post(&cache, &json!({"artifact_uri": uri})), 400, text);
    }
    assert_eq!(cache.get("/health").json()["allow_local_paths"], false);
}

#[test]
fn a_local_file_is_its_own_answer() {
    let (directory, cache) = allowed();
    let path = directory.path().join("in/a file");
    fs::write(&path, "local bytes").unwrap();
    let path = fs::canonicalize(path).unwrap();
    let content = Content::literal("local bytes");
    let plain = path.to_str().unwrap().to_owned();
    let encoded = format!("file://{}", plain.replace(' ', "%20"));
    for uri in [plain, encoded] {
        let response = post(&cache, &json!({"artifact_uri": uri}));
        assert_eq!(assert_resolved(&response, &uri, &content, true), path);
        let digest = content.sha256().to_string().to_uppercase();
        let pinned = json!({"artifact_uri": uri, "sha256": digest, "size_bytes": 11});
        assert_resolved(&post(&cache, &pinned), &uri, &content, true);
    }
    assert_eq!(cache.get("/health").json()["allow_local_paths"], true);
    assert!(
        !cache.data().join("cache/sha256").exists(),
        "nothing is copied"
    );
}

#[test]
fn a_local_file_must_have_the_length_and_the_digest() {
    let (directory, cache) = allowed();
    let path = directory.path().join("in/a");
    fs::write(&path, "bytes").unwrap();
    let mut document = uri(&path);
    document["size_bytes"] = 6.into();
    assert_refused(
        &post(&cache, &document),
        400,
        "Size mismatch for local file",
    );
    document["size_bytes"] = 5.into();
    document["sha256"] = Sha256::of(b"other").to_string().into();
    assert_refused(
        &post(&cache, &document),
        400,
        "SHA256 mismatch for local file",
    );
}

#[test]
fn a_large_local_file_is_not_hashed() {
    let (directory, cache) = allowed();
    let path = directory.path().join("in/large");
    fs::write(&path, [0; 1001]).unwrap();
    let mut document = uri(&path);
    assert_refused(
        &post(&cache, &document),
        400,
        "sha256 required for large local files",
    );
    document["sha256"] = Sha256::of(&[0; 1001]).to_string().into();
    let text = "Local file too large to hash; increase ARTIFACT_MAX_HASH_BYTES";
    assert_refused(&post(&cache, &document), 400, text);
}

#[test]
fn a_file_that_is_not_there_and_one_that_is_no_file_are_told_apart() {
    let (directory, cache) = allowed();
    let missing = directory.path().join("in/missing");
    let text = format!("File not found: {}", missing.display());
    assert_refused(&post(&cache, &uri(&missing)), 404, &text);
    let pipe = directory.path().join("in/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in [directory.path().join("in"), pipe] {
        assert_refused(&post(&cache, &uri(&path)), 400, "Not a regular file");
    }
}

#[test]
fn outside_of_the_allowed_directories_nothing_is_told() {
    let (directory, cache) = allowed();
    let root = directory.path();
    fs::write(root.join("out/secret"), "secret").unwrap();
    fs::write(root.join("in-not/secret"), "secret").unwrap();
    symlink("../out", root.join("in/link")).unwrap();
    symlink("../out/missing", root.join("in/dangling")).unwrap();
    for path in [
        "out/secret",
        "out/missing",
        "in-not/secret",
        "in/../out/secret",
        "in/../out/missing",
        "in/link/secret",
        "in/link/missing",
        "in/dangling",
    ] {
        let path = root.join(path);
        let text = format!("Path not allowed: {}", path.display());
        assert_refused(&post(&cache, &uri(&path)), 400, &text);
    }
    let document = json!({"artifact_uri": "in\u{0}/x"});
    assert_eq!(post(&cache, &document).status(), 400);
}

#[test]
fn without_prefixes_the_working_directory_is_allowed() {
    let cache = Cache::setup()
        .environment("ARTIFACT_ALLOW_LOCAL_PATHS", "true")
        .config("logging: {level: info}\n")
        .start();
    // The configuration file lies there.
    let response = post(&cache, &json!({"artifact_uri": "config.yaml"}));
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(
        post(&cache, &json!({"artifact_uri": "/etc/hostname"})).status(),
        400
    );
}
