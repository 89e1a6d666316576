//! `maintenance` with the flags of the script that it replaces: a copy that is a catalog, and one without
//! unused room.

use std::{path::Path, process::Output};

use serde_json::{Value, json};

use super::*;
use crate::support::cache::program;

fn maintain(data: &Path, arguments: &[&str]) -> Output {
    program()
        .args(["maintenance", "--db-path"])
        .arg(data)
        .args(arguments)
        .output()
        .unwrap()
}

/// A cache that had many models and has one, stopped.
fn shrunk() -> (Cache, Value) {
    let mut cache = started();
    let kept = register(&cache, "kept", "1", &json!({"status": "production"}));
    let long = "x".repeat(200_000);
    for version in 0..20 {
        let more = json!({"description": long});
        let model = register(&cache, "m", &version.to_string(), &more);
        ok(&cache, "DELETE", &path(&model, ""), &Value::Null);
    }
    cache.terminate();
    (cache, kept)
}

#[test]
fn a_vacuum_gives_room_back_and_keeps_everything() {
    let (mut cache, kept) = shrunk();
    let output = maintain(cache.data(), &["--vacuum", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let sizes: Value = serde_json::from_slice(&output.stdout).unwrap();
    let size = |key: &str| sizes[key].as_u64().unwrap();
    let (before, after) = (size("size_bytes_before"), size("size_bytes_after"));
    assert!(after + 400_000 < before, "{sizes}");
    cache.restart();
    assert_eq!(accepted(&get(&cache, "/production/kept")), kept);
    assert_eq!(
        accepted(&get(&cache, "/models/2/events"))
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(register(&cache, "m", "new", &Value::Null)["id"], 22);
}

#[test]
fn a_backup_is_a_catalog_and_is_never_written_over() {
    let (mut cache, kept) = shrunk();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(elsewhere.path().join("catalog")).unwrap();
    let backup = elsewhere.path().join("catalog/data.mdb");
    let to_backup = ["--backup", backup.to_str().unwrap()];
    assert!(maintain(cache.data(), &to_backup).status.success());
    let again = maintain(cache.data(), &to_backup);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let restored = keyed().data(elsewhere.path()).start();
    assert_eq!(accepted(&get(&restored, "/production/kept")), kept);
    cache.restart();
    let running = maintain(cache.data(), &["--vacuum"]);
    assert_eq!(
        running.status.code(),
        Some(1),
        "a running cache has the catalog"
    );
    assert_eq!(maintain(cache.data(), &[]).status.code(), Some(64));
}
