//! What a broken disk, a careless administrator or a wrong clock does to the data, and what helps.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use artifact_cache_layers::digest::Sha256;
use rustix::fs::XattrFlags;
use serde_json::Value;

use crate::support::{
    cache::{Cache, program},
    eventually,
    origin::{Content, Origin, Reply},
};

const ATTRIBUTE: &str = "user.artifact-cache";

fn content() -> Content {
    Content::seeded(3, 300_000)
}

/// An origin with `/a`, and a cache that has it.
fn filled() -> (Origin, Cache) {
    let origin = Origin::start();
    let day = Reply::file(content(), "\"one\"").field("Cache-Control", "max-age=86400");
    origin.route("/a", day);
    let cache = Cache::start();
    cache.fetch(&origin.url("/a")).assert_is(&content());
    committed(&cache);
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("X-Cache-Status"), Some("HIT"));
    (origin, cache)
}

/// Waits until nothing is served from a commit under way any more.
fn committed(cache: &Cache) {
    eventually("every download is committed", || {
        cache.metric("artifact_cache_fills_in_flight") < 0.5
    });
}

fn blob(cache: &Cache) -> PathBuf {
    let digest = content().sha256().to_string();
    let parents = cache.data().join("cache");
    parents.join(&digest[..2]).join(&digest[2..4]).join(digest)
}

/// Changes a blob in place, as a broken disk would.
fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn tool(cache: &Cache, arguments: &[&str]) -> (i32, Value, String) {
    let mut command = program();
    command.args(arguments).arg("--json").arg("--data");
    let Output {
        status,
        stdout,
        stderr,
    } = command.arg(cache.data()).output().unwrap();
    let json = serde_json::from_slice(&stdout).unwrap_or_default();
    let error = String::from_utf8_lossy(&stderr).into_owned();
    (status.code().unwrap(), json, error)
}

/// The next download is right, comes from the origin, and mends the store.
fn heals(origin: &Origin, cache: &Cache) {
    let asked = origin.hits("/a");
    let response = cache.fetch(&origin.url("/a"));
    response.assert_is(&content());
    assert_eq!(response.value("X-Cache-Status"), Some("MISS"));
    assert_eq!(origin.hits("/a"), asked + 1);
    committed(cache);
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("X-Cache-Status"), Some("HIT"));
    hit.assert_is(&content());
    // The statistics know only what is stored, and wait for it.
    cache.stats();
    assert_eq!(
        Sha256::of(&fs::read(blob(cache)).unwrap()),
        content().sha256()
    );
    assert!(cache.metric("artifact_cache_corrupt_total") > 0.0);
}

#[test]
fn a_blob_that_was_removed_is_fetched_again() {
    let (origin, cache) = filled();
    fs::remove_file(blob(&cache)).unwrap();
    heals(&origin, &cache);
}

#[test]
fn a_blob_that_was_cut_is_fetched_again() {
    for shortened in [0, 1, 299_999] {
        let (origin, mut cache) = filled();
        overwrite(&blob(&cache), |bytes| bytes.truncate(shortened));
        if shortened == 1 {
            cache.restart();
        }
        heals(&origin, &cache);
    }
}

#[test]
fn changed_bytes_are_found_by_verify_and_mended_by_fsck() {
    let (origin, mut cache) = filled();
    let digest = content().sha256().to_string();
    let (code, found, _) = tool(&cache, &["verify", "--all"]);
    assert_eq!((code, &found["intact"]), (0, &1.into()), "beside the cache");
    overwrite(&blob(&cache), |bytes| bytes[1000] ^= 1);
    let (code, found, _) = tool(&cache, &["verify", "--all"]);
    assert_eq!(
        (code, &found["damaged"][0]["sha256"]),
        (4, &digest.as_str().into())
    );
    cache.terminate();
    for arguments in [&["verify", "--all"][..], &["verify", &digest]] {
        let (code, found, _) = tool(&cache, arguments);
        assert_eq!((code, &found["intact"]), (4, &0.into()), "{found}");
    }
    let (code, found, _) = tool(&cache, &["fsck", "--rehash"]);
    assert_eq!((code, &found["wrong_digests"]), (1, &1.into()));
    let (code, found, _) = tool(&cache, &["fsck", "--rehash", "--repair"]);
    assert_eq!((code, &found["repaired"]), (0, &1.into()));
    cache.restart();
    let response = cache.fetch(&origin.url("/a"));
    response.assert_is(&content());
    assert_eq!(response.value("X-Cache-Status"), Some("MISS"));
}

#[test]
fn a_digest_that_is_not_stored_is_missing() {
    let (_origin, cache) = filled();
    let (code, found, _) = tool(&cache, &["verify", &"0".repeat(64)]);
    assert_eq!((code, &found["missing"][0]), (2, &"0".repeat(64).into()));
}

#[test]
fn a_catalog_that_was_lost_is_rebuilt_from_the_blobs() {
    let (mut origin, mut cache) = filled();
    cache.terminate();
    origin.stop();
    fs::remove_dir_all(cache.data().join("catalog")).unwrap();
    cache.restart();
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 503);
    cache.terminate();
    let (code, found, _) = tool(&cache, &["fsck"]);
    assert_eq!((code, &found["orphaned_blobs"]), (1, &1.into()));
    let (code, found, error) = tool(&cache, &["fsck", "--rebuild"]);
    assert_eq!((code, &found["rebuilt"]), (0, &1.into()), "{error}");
    cache.restart();
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("X-Cache-Status"), Some("HIT"));
    hit.assert_is(&content());
}

#[test]
fn times_of_a_clock_that_was_wrong_do_no_harm() {
    for shift in [10_i64 * 365 * 86_400, -10 * 365 * 86_400] {
        let (mut origin, mut cache) = filled();
        cache.terminate();
        shift_times(&blob(&cache), shift);
        fs::remove_dir_all(cache.data().join("catalog")).unwrap();
        assert_eq!(tool(&cache, &["fsck", "--rebuild"]).0, 0);
        cache.restart();
        cache
            .proxy_get(&origin.url("/a"), &[])
            .assert_is(&content());
        cache.fetch(&origin.url("/a")).assert_is(&content());
        origin.stop();
        let hit = cache.fetch(&origin.url("/a"));
        assert_eq!(hit.value("X-Cache-Status"), Some("HIT"), "{shift}");
        hit.assert_is(&content());
    }
}

/// Moves the times of the response in the record beside a blob.
fn shift_times(blob: &Path, seconds: i64) {
    fs::set_permissions(blob, fs::Permissions::from_mode(0o600)).unwrap();
    let mut json = vec![0; 64 << 10];
    let length = rustix::fs::getxattr(blob, ATTRIBUTE, &mut json[..]).unwrap();
    let mut record: Value = serde_json::from_slice(&json[..length]).unwrap();
    for time in ["request_time", "response_time"] {
        let seconds_since_1970 = &mut record[time]["secs"];
        *seconds_since_1970 = (seconds_since_1970.as_i64().unwrap() + seconds).into();
    }
    let json = record.to_string();
    rustix::fs::setxattr(blob, ATTRIBUTE, json.as_bytes(), XattrFlags::empty()).unwrap();
    fs::set_permissions(blob, fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn garbage_among_the_temporary_files_neither_hinders_nor_is_taken_for_a_download() {
    let (origin, mut cache) = filled();
    cache.terminate();
    let directory = cache.data().join("tmp");
    let key = "a".repeat(64);
    let write = |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).unwrap();
    write(&format!("{key}.part"), b"bytes without an identity");
    write(
        &format!("{}.json", "b".repeat(64)),
        b"an identity without bytes",
    );
    write(&format!("{}.part", "c".repeat(64)), b"bytes");
    write(
        &format!("{}.json", "c".repeat(64)),
        b"{\"not\": \"an identity\"}",
    );
    write("17-3.unfinished", b"x");
    write("notes.txt", b"somebody's");
    fs::create_dir(directory.join("somebody's directory")).unwrap();
    fs::create_dir(directory.join(format!("{}.part", "d".repeat(64)))).unwrap();
    cache.restart();
    let mut left = super::store::names(&directory);
    left.retain(|name| name.strip_suffix(".part").is_none());
    left.sort();
    assert_eq!(left, ["notes.txt", "somebody's directory"]);
    cache.fetch(&origin.url("/a")).assert_is(&content());
}

#[test]
fn a_catalog_of_garbage_is_refused_with_its_cause() {
    let (_origin, mut cache) = filled();
    cache.terminate();
    fs::write(cache.data().join("catalog/data.mdb"), vec![7; 64 << 10]).unwrap();
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen"]);
    let output = command.args(["127.0.0.1:0", "--data"]).arg(cache.data());
    let output = output.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot open the catalog: "), "{error}");
}
