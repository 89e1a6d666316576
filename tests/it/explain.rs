//! `explain`: what is said of a URL is what a request then does.

use serde_json::Value;

use crate::support::{
    cache::{Cache, program},
    origin::{Content, Origin, Reply},
    percent_encoded,
};

fn explained(cache: &Cache, url: &str) -> Value {
    let response = cache.get(&format!("/api/v1/explain?url={}", percent_encoded(url)));
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

#[test]
fn what_is_said_of_a_url_is_what_a_request_does() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = |field: &str| {
        Reply::ok(Content::literal("artifact"))
            .field("Cache-Control", field)
            .field("ETag", "\"e\"")
    };
    for (path, field, class, next) in [
        ("/fresh", "max-age=60", "default", "hit"),
        ("/stale", "max-age=0", "default", "validate"),
        ("/a.deb", "max-age=0", "immutable", "hit"),
        ("/simple/a/", "max-age=0", "index", "validate"),
        ("/secret", "no-store", "default", "fetch"),
    ] {
        origin.route(path, reply(field));
        let url = origin.url(path);
        let before = explained(&cache, &url);
        assert_eq!(
            (&before["next"], &before["why"]),
            (&"fetch".into(), &"uri-miss".into()),
            "{path}"
        );
        assert_eq!(before["stored"], Value::Array(vec![]));
        cache.proxy_get(&url, &[]);
        // What was answered is in the store as soon as it is complete.
        let after = explained(&cache, &url);
        assert_eq!(
            (&after["class"], &after["next"]),
            (&class.into(), &next.into()),
            "{path}: {after}"
        );
        assert_eq!(
            after["not_stored"].is_null(),
            path != "/secret",
            "{path}: {after}"
        );
        let asked = origin.hits(path);
        cache.proxy_get(&url, &[]);
        assert_eq!(origin.hits(path) == asked, next == "hit", "{path}");
    }
}

#[test]
fn what_is_stored_is_told_with_its_freshness() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::ok(Content::literal("artifact"))
        .field("Cache-Control", "max-age=60")
        .field("ETag", "\"e\"");
    origin.route("/fresh", reply);
    cache.proxy_get(&origin.url("/fresh"), &[]);
    let stored = &explained(&cache, &origin.url("/fresh"))["stored"][0];
    assert_eq!(
        (&stored["status"], &stored["etag"]),
        (&200.into(), &"\"e\"".into())
    );
    assert!(stored["fresh_for_seconds"].as_u64().unwrap() <= 60);
    assert_eq!(stored["size_bytes"], 8);
}

#[test]
fn class_rule_and_key_are_told_for_what_was_never_asked_for() {
    let cache = Cache::setup()
        .config("classes:\n  rules: [\"bypass www.example.com/x/**\"]\n")
        .start();
    let bypassed = explained(&cache, "https://www.example.com/x/a.deb");
    assert_eq!(
        (&bypassed["class"], &bypassed["rule"]),
        (&"bypass".into(), &"www.example.com/x/**".into())
    );
    assert_eq!(bypassed["next"], "bypass");
    let signed = explained(
        &cache,
        "https://s.example.com/o?X-Amz-Credential=c&X-Amz-Signature=f0",
    );
    assert_eq!(signed["url"], "https://s.example.com/o?X-Amz-Signature=");
    assert_eq!(
        (&signed["presigned"], &signed["rule"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(signed["key"].as_str().unwrap().len(), 64);
}

#[test]
fn what_is_no_url_is_refused() {
    let cache = Cache::start();
    for (query, status) in [
        ("", 422),
        ("?url=a", 422),
        ("?url=ftp%3A%2F%2Fa%2F", 422),
        ("?url=http%3A%2F%2Fa%2F&x=1", 400),
    ] {
        let refused = cache.get(&format!("/api/v1/explain{query}"));
        assert_eq!(refused.status(), status, "{query}");
    }
}

#[test]
fn the_command_line_tells_the_same() {
    let cache = Cache::start();
    let output = program()
        .args([
            "explain",
            "https://example.com/a.deb",
            "--url",
            &format!("http://{}", cache.address()),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in ["class", "immutable", "/**.deb", "uri-miss"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
