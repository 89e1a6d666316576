//! What one client fetched answers another (RFC 9111 §3, §4).

use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Origin, Reply},
};

const FRESH: &str = "max-age=60";

fn fresh(body: &str) -> Reply {
    Reply::ok(Content::literal(body)).field("Cache-Control", FRESH)
}

#[test]
fn a_fresh_response_answers_the_next_request_with_its_age() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route(
        "/a",
        fresh("artifact")
            .field("Age", "20")
            .field("Content-Type", "text/x"),
    );
    let first = cache.proxy_get(&origin.url("/a"), &[]);
    first.assert_is(&Content::literal("artifact"));
    let status = "artifact-cache; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!(first.head.values("cache-status"), [status]);
    assert_eq!(first.value("age"), Some("20"));

    let second = cache.proxy_get(&origin.url("/a"), &[]);
    second.assert_is(&Content::literal("artifact"));
    let age: u64 = second.value("age").unwrap().parse().unwrap();
    assert!((20..60).contains(&age), "{age}");
    let status = second.value("cache-status").unwrap();
    let ttl = status.strip_prefix("artifact-cache; hit; ttl=").unwrap();
    // Both are cut to whole seconds.
    assert!((59..=60).contains(&(age + ttl.parse::<u64>().unwrap())));
    assert_eq!(second.value("content-type"), Some("text/x"));
    assert_eq!(second.value("via"), Some("1.1 artifact-cache"));
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn a_stored_response_outlives_the_process_and_the_origin() {
    let (mut cache, mut origin) = (Cache::start(), Origin::start());
    origin.route("/a", fresh("artifact"));
    cache.proxy_get(&origin.url("/a"), &[]);
    cache.terminate();
    origin.stop();
    cache.restart();
    let kept = cache.proxy_get(&origin.url("/a"), &[]);
    kept.assert_is(&Content::literal("artifact"));
    assert!(kept.value("cache-status").unwrap().contains("; hit; ttl="));
}

#[test]
fn head_is_answered_from_a_stored_get_and_stores_nothing_itself() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", fresh("artifact"));
    let head = Request::new("HEAD", &origin.url("/a"));
    let miss = cache.exchange(&head);
    assert_eq!(
        (miss.status(), miss.value("content-length")),
        (200, Some("8"))
    );
    assert_eq!(
        miss.value("cache-status"),
        Some("artifact-cache; fwd=uri-miss; fwd-status=200")
    );
    assert_eq!(origin.requests()[0].method, "HEAD");

    let get = cache.proxy_get(&origin.url("/a"), &[]);
    get.assert_is(&Content::literal("artifact"));
    let hit = cache.exchange(&head);
    assert_eq!(
        (hit.status(), hit.value("content-length")),
        (200, Some("8"))
    );
    assert!(hit.value("cache-status").unwrap().contains("; hit; ttl="));
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn what_forbids_storing_is_told() {
    let (cache, origin) = (Cache::start(), Origin::start());
    for (path, value) in [
        ("/no-store", "no-store"),
        ("/private", "private"),
        ("/stale", "max-age=0"),
    ] {
        let reply = Reply::ok(Content::literal("body")).field("Cache-Control", value);
        origin.route(path, reply);
    }
    for path in ["/no-store", "/private"] {
        for _ in 0..2 {
            let response = cache.proxy_get(&origin.url(path), &[]);
            response.assert_is(&Content::literal("body"));
            let status = response.value("cache-status").unwrap();
            let detail = path[1..].replace('-', "_");
            assert_eq!(
                status,
                format!("artifact-cache; fwd=uri-miss; fwd-status=200; detail={detail}")
            );
        }
        assert_eq!(origin.hits(path), 2);
    }
    cache.proxy_get(&origin.url("/stale"), &[]);
    cache.proxy_get(&origin.url("/stale"), &[]);
    assert_eq!(origin.hits("/stale"), 2);
}

#[test]
fn the_answer_to_an_authorised_request_is_its_own_unless_the_origin_shares_it() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = |value: &str| Reply::ok(Content::literal("secret")).field("Cache-Control", value);
    origin.route("/own", reply("max-age=60"));
    let shared = [
        "public, max-age=60",
        "s-maxage=60",
        "max-age=60, must-revalidate",
    ];
    for (path, value) in ["/1", "/2", "/3"].into_iter().zip(shared) {
        origin.route(path, reply(value));
    }
    let own = origin.url("/own");
    for token in ["Bearer a", "Bearer b"] {
        cache.proxy_get(&own, &[("Authorization", token)]);
    }
    cache.proxy_get(&own, &[]);
    let tokens: Vec<_> = origin
        .requests_for("/own")
        .iter()
        .map(|request| request.value("authorization").map(str::to_owned))
        .collect();
    let token = |text: &str| Some(text.to_owned());
    assert_eq!(tokens, [token("Bearer a"), token("Bearer b"), None]);
    for path in ["/1", "/2", "/3"] {
        let url = origin.url(path);
        cache.proxy_get(&url, &[("Authorization", "Bearer a")]);
        let hit = cache.proxy_get(&url, &[]);
        hit.assert_is(&Content::literal("secret"));
        assert_eq!(origin.hits(path), 1, "{path}");
    }
}

#[test]
fn a_request_for_stored_responses_only_never_reaches_the_origin() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", fresh("artifact"));
    let only = [("Cache-Control", "only-if-cached")];
    let miss = cache.proxy_get(&origin.url("/a"), &only);
    assert_eq!(miss.status(), 504);
    assert_eq!(origin.hits("/a"), 0);
    cache.proxy_get(&origin.url("/a"), &[]);
    let hit = cache.proxy_get(&origin.url("/a"), &only);
    hit.assert_is(&Content::literal("artifact"));
}

#[test]
fn a_request_that_forbids_to_store_its_answer_is_obeyed() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", fresh("artifact"));
    cache.proxy_get(&origin.url("/a"), &[("Cache-Control", "no-store")]);
    cache.proxy_get(&origin.url("/a"), &[]);
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn ranges_and_conditions_are_answered_from_the_store() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 100_000);
    let reply = Reply::file(content.clone(), "\"v1\"").field("Cache-Control", FRESH);
    origin.route("/a", reply);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&content);

    let part = cache.proxy_get(&url, &[("Range", "bytes=1000-1999")]);
    assert_eq!((part.status(), part.length), (206, 1000));
    assert_eq!(part.value("content-range"), Some("bytes 1000-1999/100000"));
    assert_eq!(part.kept, content.slice(1000, 2000));
    let beyond = cache.proxy_get(&url, &[("Range", "bytes=100000-")]);
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.value("content-range"), Some("bytes */100000"));
    let known = cache.proxy_get(&url, &[("If-None-Match", "W/\"v1\"")]);
    assert_eq!((known.status(), known.value("etag")), (304, Some("\"v1\"")));
    let other = cache.proxy_get(&url, &[("Range", "bytes=0-9"), ("If-Range", "\"v0\"")]);
    other.assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
}
