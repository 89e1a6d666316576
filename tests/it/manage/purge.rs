//! Purging by URL, prefix, host and digest, softly and as a dry run; the command line for all of it.

use serde_json::{Value, json};

use super::filled;
use crate::support::{
    cache::{Cache, program},
    client::Request,
    origin::{Content, Origin, Reply},
};

fn purge(cache: &Cache, document: &Value) -> Value {
    let request = Request::new("POST", "/api/v1/purge").body(document.to_string());
    let response = cache.exchange(&request);
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

#[test]
fn urls_prefixes_hosts_and_digests_are_purged_after_a_dry_run() {
    let (origin, cache) = filled(6);
    let host = origin.address().to_string();
    let digest = Content::seeded(3, 4).sha256().to_string();
    for (document, matched) in [
        (json!({"urls": [origin.url("/0"), origin.url("/none")]}), 1),
        (json!({"prefix": origin.url("/1")}), 1),
        (json!({"sha256": digest}), 1),
        (json!({"host": host}), 3),
        (json!({"host": host}), 0),
    ] {
        let before = cache.stats()["total_items"].as_u64().unwrap();
        let mut dry = document.clone();
        dry["dry_run"] = true.into();
        let counted = purge(&cache, &dry);
        assert_eq!(
            (counted["matched"].as_u64(), counted["removed"].as_u64()),
            (Some(matched), Some(0))
        );
        assert_eq!(cache.stats()["total_items"], before);
        let purged = purge(&cache, &document);
        assert_eq!(purged["removed"], matched, "{document}: {purged}");
        assert_eq!(cache.stats()["total_items"], before - matched);
    }
    assert_eq!(
        cache.fetch(&origin.url("/0")).value("x-cache-status"),
        Some("MISS")
    );
}

#[test]
fn what_is_purged_softly_is_validated_before_its_next_use() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(9, 5000);
    let fresh = Reply::file(content.clone(), "\"v1\"").field("Cache-Control", "max-age=600");
    origin.route("/a", fresh);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&content);
    cache.stats();
    cache.proxy_get(&url, &[]).assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
    let purged = purge(&cache, &json!({"urls": [url], "soft": true}));
    assert_eq!(
        (&purged["marked_stale"], &purged["removed"]),
        (&json!(1), &json!(0))
    );
    cache.proxy_get(&url, &[]).assert_is(&content);
    assert_eq!(origin.hits("/a"), 2);
    let asked = origin.requests_for("/a");
    assert_eq!(asked[1].value("if-none-match"), Some("\"v1\""));
}

/// Runs a verb against a cache: its exit code and its output.
fn run(cache: &Cache, arguments: &[&str]) -> (i32, String) {
    let mut program = program();
    program.env("ARTIFACT_CACHE_URL", format!("http://{}", cache.address()));
    let output = program.args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn the_command_line_asks_why_pins_collects_and_purges() {
    let (origin, cache) = filled(3);
    let (url, other) = (origin.url("/1"), origin.url("/2"));
    let (code, text) = run(&cache, &["pin", &url, "--note", "kept"]);
    assert_eq!((code, text), (0, format!("pinned {url}\n")));
    let (_, text) = run(&cache, &["pin"]);
    assert!(text.contains(&url) && text.contains("kept"), "{text}");
    let (code, text) = run(&cache, &["why", &url]);
    assert!(code == 0 && text.contains("kept by         pin"), "{text}");
    let (code, text) = run(&cache, &["gc", "--dry-run", "--bytes", "1000000", "--json"]);
    let foreseen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &foreseen["evicted"]["blobs"]),
        (0, &json!(2)),
        "{text}"
    );
    // Nobody to ask, and nothing said: nothing is done.
    assert_eq!(run(&cache, &["purge", &other]).0, 64);
    assert_eq!(run(&cache, &["gc", "--bytes", "1"]).0, 64);
    assert_eq!(run(&cache, &["purge", "--yes"]).0, 64);
    assert_eq!(cache.stats()["total_items"], 3);
    let (code, text) = run(&cache, &["purge", &other, "--yes", "--json"]);
    let purged: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &purged["removed"]), (0, &json!(1)), "{text}");
    let (code, _) = run(&cache, &["gc", "--bytes", "1000000", "--yes"]);
    assert_eq!((code, cache.stats()["total_items"].clone()), (0, json!(1)));
    let (_, text) = run(&cache, &["evictions"]);
    assert!(
        text.contains(&origin.url("/0")) && text.contains("gc"),
        "{text}"
    );
    assert_eq!(run(&cache, &["unpin", &url]).0, 0);
    let (_, text) = run(&cache, &["pin"]);
    assert_eq!(text, "");
}
