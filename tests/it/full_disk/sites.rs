//! What is written besides downloads: uploads, pointers, leased paths, backups.

use std::{fs, process::Stdio};

use serde_json::json;

use super::{
    MIB, greedy,
    mount::{Disk, fill},
    nothing_is_half_written, stores_again,
};
use crate::support::{
    cache::{Cache, program},
    client::Request,
    origin::{Content, Origin, Reply},
};

#[test]
fn uploads_without_room_are_refused_and_nothing_is_left() {
    let Some(disk) = Disk::of("size=8m") else {
        return;
    };
    let setup = greedy().environment("ARTIFACT_CACHE__FILES__MIN_FREE_BYTES", "0");
    let (origin, mut cache) = (Origin::start(), setup.data(disk.path()).start());
    let filler = fill(disk.path());
    let upload = Request::new("POST", "/files").body(vec![7; 300_000]);
    assert_eq!(cache.exchange(&upload).status(), 507);
    fs::remove_file(filler).unwrap();
    assert_eq!(cache.exchange(&upload).status(), 201);
    stores_again(&cache, &origin, "upload");
    nothing_is_half_written(&mut cache);
}

#[test]
fn pointers_that_cannot_be_noted() {
    let (origin, mut cache) = (Origin::start(), greedy().start());
    let upload = Request::new("POST", "/files").body("weights");
    let file = cache.exchange(&upload).json()["file_id"].clone();
    fs::create_dir(cache.data().join("cache/pointers.jsonl")).unwrap();
    let pointer = json!({"storage": "data-bank", "file_id": file});
    let set = Request::new("PUT", "/runs/run-1/artifact").body(pointer.to_string());
    assert_eq!(cache.exchange(&set).status(), 200);
    assert_eq!(cache.get("/runs/run-1/artifact").json(), pointer);
    stores_again(&cache, &origin, "pointer");
    fs::remove_dir(cache.data().join("cache/pointers.jsonl")).unwrap();
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_path_that_cannot_be_made() {
    let setup = greedy().environment("ARTIFACT_CACHE__RESOLVE__ALLOW_HTTP", "true");
    let (origin, mut cache) = (Origin::start(), setup.start());
    let content = Content::seeded(12, 50_000);
    origin.route("/12", Reply::ok(content.clone()));
    let in_the_way = cache.data().join("cache/sha256");
    fs::write(&in_the_way, "not a directory").unwrap();
    let asked = json!({
        "artifact_uri": origin.url("/12"), "sha256": content.sha256().to_string(),
        "size_bytes": content.length(),
    });
    let resolve = Request::new("POST", "/resolve")
        .field("Content-Type", "application/json")
        .body(asked.to_string());
    let refused = cache.exchange(&resolve);
    assert!(refused.status() >= 500, "{}", refused.text());
    cache.fetch(&origin.url("/12")).assert_is(&content);
    fs::remove_file(in_the_way).unwrap();
    assert_eq!(cache.exchange(&resolve).status(), 200);
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_backup_without_room_leaves_the_one_before() {
    let Some(disk) = Disk::of("size=4m") else {
        return;
    };
    let (origin, cache) = (Origin::start(), Cache::start());
    let backup = || {
        let mut command = program();
        command
            .args(["backup", "--json"])
            .arg(disk.path().join("b"));
        let output = command.arg("--data").arg(cache.data()).stdin(Stdio::null());
        output.output().unwrap()
    };
    stores_again(&cache, &origin, "first");
    assert!(backup().status.success());
    let large = Content::seeded(13, 6 * MIB);
    origin.route("/large", Reply::ok(large.clone()));
    cache.fetch(&origin.url("/large")).assert_is(&large);
    let failed = backup();
    assert_eq!(failed.status.code(), Some(1));
    let error = String::from_utf8_lossy(&failed.stderr);
    assert!(error.contains("No space left"), "{error}");
    let mut command = program();
    command
        .args(["restore", "--dry-run"])
        .arg(disk.path().join("b"));
    assert!(command.output().unwrap().status.success());
}
