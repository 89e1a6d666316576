//! The documented log lines: one for each request to the cache, with the documented keys.

use serde_json::Value;

use crate::support::{
    cache::Cache,
    origin::{Content, Origin, Reply},
};

/// A line is complete when it has the documented keys.
#[track_caller]
fn assert_documented(line: &Value, level: &str, url: &str) {
    assert_eq!(line["level"], level);
    assert_eq!(line["source_url"], url);
    let time = line["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() >= 20, "{time}");
    assert!(line["duration_ms"].is_u64(), "{line}");
    let client = line["client_ip"].as_str().unwrap();
    assert!(client.starts_with("127.0.0.1:"), "{client}");
    assert!(line["request_id"].is_string());
}

#[test]
fn a_miss_a_hit_and_a_failure_are_logged_as_documented() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(Content::seeded(1, 12_345)));
    let (url, none) = (origin.url("/a"), origin.url("/none"));
    cache.fetch(&url);
    cache.fetch(&url);
    cache.fetch(&none);
    let miss = cache
        .trace()
        .wait_for("cache MISS - downloaded from upstream", |_| true);
    assert_documented(&miss, "INFO", &url);
    assert_eq!(miss["size_bytes"], 12_345);
    let hit = cache.trace().wait_for("cache HIT", |_| true);
    assert_documented(&hit, "INFO", &url);
    assert_eq!(hit["size_bytes"], 12_345);
    let failed = cache.trace().wait_for("fetch failed", |_| true);
    assert_documented(&failed, "ERROR", &none);
    assert_eq!(failed["error"], "upstream returned status 404");
}

#[test]
fn a_request_that_policy_refuses_is_logged_with_its_url() {
    let cache = Cache::setup().allow_cidrs(&[]).start();
    let url = "http://127.0.0.1:8000/a";
    cache.fetch(url);
    let failed = cache.trace().wait_for("fetch failed", |_| true);
    assert_documented(&failed, "ERROR", url);
    assert!(
        failed["error"].as_str().unwrap().contains("loopback"),
        "{failed}"
    );
}

#[test]
fn the_id_in_the_log_is_the_one_the_client_saw() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(Content::seeded(1, 10)));
    let made = cache.fetch(&origin.url("/a"));
    let id = made.value("x-request-id").unwrap();
    cache
        .trace()
        .wait_for("cache MISS - downloaded from upstream", |line| {
            line["request_id"] == id
        });
    let query = format!("url={}", origin.url("/a"));
    let given = cache.fetch_with(&query, &[("X-Request-Id", "my-id-7")]);
    assert_eq!(given.value("x-request-id"), Some("my-id-7"));
    cache
        .trace()
        .wait_for("cache HIT", |line| line["request_id"] == "my-id-7");
}

#[test]
fn a_line_is_one_line_whatever_the_url_holds() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let url = origin.url("/%0a%22%7b%5c?x=%1b[31m");
    cache.fetch(&url);
    let failed = cache.trace().wait_for("fetch failed", |_| true);
    assert!(
        failed["source_url"]
            .as_str()
            .unwrap()
            .starts_with(&origin.url("/%0a%22%7b%5c"))
    );
    for line in cache.trace().lines() {
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
        assert!(!line.contains('\u{1b}'));
    }
}

#[test]
fn people_can_have_text() {
    let (origin, cache) = (Origin::start(), Cache::start());
    drop(cache);
    origin.route("/a", Reply::ok(Content::seeded(1, 10)));
    // Whoever starts the program waits for the JSON line, so this one is started by hand.
    let mut program = crate::support::cache::program();
    let directory = tempfile::tempdir().unwrap();
    program.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
    ]);
    program
        .args(["--log-format", "text", "--data"])
        .arg(directory.path());
    let mut child = program
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_err());
    assert!(
        line.contains("listening") && line.contains("address=127.0.0.1:"),
        "{line}"
    );
}
