//! Every verb against the real program: what scripts and people do with a running cache.

use std::fs;

use serde_json::json;

use super::{Run, command, names, run};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Content, Origin, Reply},
};

fn content() -> Content {
    Content::seeded(4, 500_000)
}

/// A cache and an origin that has `/dir/a.bin`.
fn pair() -> (Cache, Origin) {
    let origin = Origin::start();
    origin.route("/dir/a.bin", Reply::file(content(), "\"one\""));
    (Cache::start(), origin)
}

fn against(cache: &Cache, arguments: &[&str]) -> Run {
    let url = format!("http://{}", cache.address());
    run(command(arguments).env("ARTIFACT_CACHE_URL", url))
}

#[test]
fn an_artifact_is_got_looked_at_counted_and_removed() {
    let (cache, origin) = pair();
    let (url, directory) = (origin.url("/dir/a.bin"), tempfile::tempdir().unwrap());
    let digest = content().sha256().to_string();
    let output = directory.path().to_str().unwrap();

    assert_eq!(against(&cache, &["head", &url, "--cached"]).code, 2);
    assert_eq!(against(&cache, &["head", &url]).code, 2, "not cached yet");
    let got = against(
        &cache,
        &["get", &url, "-o", output, "--sha256", &digest, "--json"],
    );
    assert_eq!(got.code, 0, "{}", got.err);
    assert_eq!(
        (&got.json()["cache_status"], &got.json()["sha256"]),
        (&json!("MISS"), &json!(digest))
    );
    assert_eq!(
        fs::read(directory.path().join("a.bin")).unwrap(),
        content().bytes()
    );
    assert_eq!(names(directory.path()), ["a.bin"]);

    let head = against(&cache, &["head", &url, "--cached", "--json"]);
    assert_eq!(
        (head.code, &head.json()["headers"]["x-content-sha256"]),
        (0, &json!(digest))
    );
    let listed = against(&cache, &["ls", "--json"]).json();
    assert_eq!(listed["items"][0]["source_url"], url.as_str());
    let shown = against(&cache, &["show", &url, "--json"]).json();
    assert_eq!(shown["versions"][0]["sha256"], digest.as_str());
    let stats = against(&cache, &["stats", "--json"]).json();
    assert_eq!(
        (&stats["total_items"], &stats["total_size_bytes"]),
        (&json!(1), &json!(500_000))
    );

    assert_eq!(against(&cache, &["rm", &url]).code, 64, "nobody said yes");
    assert_eq!(against(&cache, &["rm", &url, "--yes"]).code, 0);
    assert_eq!(against(&cache, &["show", &url]).code, 2);
    assert_eq!(against(&cache, &["head", &url, "--cached"]).code, 2);
}

#[test]
fn verbs_for_people_print_what_people_read() {
    let (cache, origin) = pair();
    let url = origin.url("/dir/a.bin");
    let got = against(&cache, &["get", &url, "-o", "-"]);
    assert_eq!(
        (got.code, got.out.len() > 100_000),
        (0, true),
        "{}",
        got.err
    );
    for (arguments, expected) in [
        (&["ls"][..], "/dir/a.bin"),
        (&["show", &url], "488.28 KiB"),
        (&["stats"], "488.28 KiB"),
        (&["head", &url], "x-cache-status: HIT"),
    ] {
        let run = against(&cache, arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        assert!(run.out.contains(expected), "{arguments:?}: {}", run.out);
    }
}

#[test]
fn each_failure_has_its_exit_code() {
    let (cache, mut origin) = pair();
    let url = origin.url("/dir/a.bin");
    let directory = tempfile::tempdir().unwrap();
    let get = |url: &str, more: &[&str]| {
        let output = directory.path().to_str().unwrap();
        let arguments = [&["get", url, "-o", output], more].concat();
        let run = against(&cache, &arguments);
        assert!(names(directory.path()).is_empty(), "nothing wrong is left");
        run.code
    };
    assert_eq!(get(&url, &["--sha256", &"0".repeat(64)]), 4);
    assert_eq!(get(&origin.url("/none"), &[]), 2);
    assert_eq!(get("http://10.0.0.1/private", &[]), 5);
    origin.stop();
    assert_eq!(get(&origin.url("/other"), &[]), 6);
    let nobody = run(command(&["stats"]).env("ARTIFACT_CACHE_URL", "http://127.0.0.1:9"));
    assert_eq!(nobody.code, 1);
    assert!(nobody.err.contains("is it running?"), "{}", nobody.err);
}

#[test]
fn verify_and_fsck_count_what_is_there() {
    let (mut cache, origin) = pair();
    let url = origin.url("/dir/a.bin");
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().to_str().unwrap();
    assert_eq!(against(&cache, &["get", &url, "-o", output]).code, 0);
    eventually("it is committed", || cache.stats()["total_items"] == 1);
    cache.terminate();
    let data = cache.data().to_str().unwrap();
    let verified = run(&mut command(&["verify", "--all", "--data", data]));
    assert_eq!((verified.code, verified.out.trim()), (0, "intact   1"));
    let digest = content().sha256().to_string();
    let verified = run(&mut command(&["verify", &digest, "--data", data, "--json"]));
    assert_eq!(
        (verified.code, verified.json()["intact"].clone()),
        (0, json!(1))
    );
    let checked = run(&mut command(&["fsck", "--data", data, "--json"]));
    let found = checked.json();
    assert_eq!(
        (checked.code, &found["artifacts"], &found["blobs"]),
        (0, &json!(1), &json!(1))
    );
    let checked = run(&mut command(&["fsck", "--data", data]));
    assert!(checked.out.contains("artifacts"), "{}", checked.out);
}
