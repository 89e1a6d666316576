//! The beginning of a response whose transfer was interrupted answers requests for ranges of it, and is
//! completed by the first request that wants more (RFC 9111 §3.3, §3.4).

use super::{
    Door, MIB, file, plain,
    restart::{Stop, cache, interrupt},
};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::{Content, Origin, Reply},
};

/// A cache that has about the first 3 MiB of the `content` of `/a`, as `reply` sent it.
fn interrupted(content: &Content, reply: &Reply) -> (Cache, Origin) {
    let (mut cache, origin) = (cache(), Origin::start());
    interrupt(&mut cache, &origin, Door::Proxy, Stop::Kill, reply.clone());
    origin.forget_requests();
    assert!(content.length() > 4 * MIB);
    origin.route("/a", reply.clone());
    (cache, origin)
}

fn ranged(cache: &Cache, origin: &Origin, range: &str) -> Response {
    cache.exchange(&Request::get(&origin.url("/a")).field("Range", range))
}

#[track_caller]
fn assert_part(response: &Response, content: &Content, from: u64, to: u64) {
    assert_eq!(response.status(), 206, "{:?}", response.head);
    assert!(response.is_complete(), "{:?}", response.end);
    let range = format!("bytes {from}-{}/{}", to - 1, content.length());
    assert_eq!(response.value("content-range"), Some(&*range));
    assert_eq!(response.sha256, content.sha256_of(from, to));
}

#[test]
fn a_range_within_a_part_is_served_without_the_origin() {
    let content = Content::seeded(1, 8 * MIB);
    let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
    let response = ranged(&cache, &origin, "bytes=1000-1999999");
    assert_part(&response, &content, 1000, 2_000_000);
    let status = response.value("cache-status").unwrap();
    assert!(
        status.starts_with("artifact-cache; hit; ttl=") && status.ends_with("; detail=partial"),
        "{status}"
    );
    assert!(response.value("age").is_some());
    assert_eq!(response.value("etag"), Some("\"v1\""));
    assert_eq!(origin.requests().len(), 0);
    // With the other version's tag the client wants the whole, and gets it.
    let other = Request::get(&origin.url("/a"))
        .field("Range", "bytes=0-9")
        .field("If-Range", "\"v0\"");
    cache.exchange(&other).assert_is(&content);
}

#[test]
fn a_part_of_a_purged_url_is_gone_as_well() {
    let content = Content::seeded(1, 8 * MIB);
    let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
    for (dry_run, asked) in [(true, 0), (false, 1)] {
        let purge = serde_json::json!({"urls": [origin.url("/a")], "dry_run": dry_run});
        let purge = Request::new("POST", "/api/v1/purge").body(purge.to_string());
        assert_eq!(cache.exchange(&purge).status(), 200);
        ranged(&cache, &origin, "bytes=1000-1999999");
        assert_eq!(origin.requests().len().min(1), asked, "{dry_run}");
    }
}

#[test]
fn a_range_beyond_a_part_completes_it() {
    let content = Content::seeded(1, 8 * MIB);
    let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
    let (from, to) = (2 * MIB, 4 * MIB);
    let response = ranged(&cache, &origin, &format!("bytes={from}-{}", to - 1));
    assert_part(&response, &content, from, to);
    let status = response.value("cache-status").unwrap();
    assert!(status.contains("; fwd=partial;"), "{status}");
    Door::Proxy
        .get(&cache, &origin.url("/a"))
        .assert_is(&content);
    let asked = origin.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].value("if-range"), Some("\"v1\""));
    let sent = origin.bytes_sent("/a");
    assert!(sent < 6 * MIB, "only what was missing: {sent}");
}

#[test]
fn forms_that_reach_to_the_end_are_not_within_a_part() {
    let content = Content::seeded(1, 8 * MIB);
    for (range, from) in [("bytes=-5", 8 * MIB - 5), ("bytes=8388000-", 8_388_000)] {
        let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
        let response = ranged(&cache, &origin, range);
        assert_part(&response, &content, from, 8 * MIB);
        assert!(!origin.requests().is_empty(), "{range}");
    }
}

#[test]
fn what_may_not_be_reused_unasked_is_not_when_it_is_a_part_either() {
    let content = Content::seeded(1, 8 * MIB);
    let stale = Reply::file(content.clone(), "\"v1\"").field("Cache-Control", "max-age=0");
    let (cache, origin) = interrupted(&content, &stale);
    let response = ranged(&cache, &origin, "bytes=0-99");
    assert_part(&response, &content, 0, 100);
    assert_eq!(origin.requests()[0].value("if-range"), Some("\"v1\""));

    let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
    let fresh = Request::get(&origin.url("/a"))
        .field("Range", "bytes=0-99")
        .field("Cache-Control", "no-cache");
    assert_part(&cache.exchange(&fresh), &content, 0, 100);
    assert!(!origin.requests().is_empty());

    let varying = file(&content, "\"v1\"").field("Vary", "Accept-Language");
    let (cache, origin) = interrupted(&content, &varying);
    let other = Request::get(&origin.url("/a"))
        .field("Range", "bytes=0-99")
        .field("Accept-Language", "de");
    assert_eq!(cache.exchange(&other).status(), 206);
    assert!(!origin.requests().is_empty());
}

#[test]
fn a_part_is_thrown_out_by_what_invalidates_its_url() {
    let content = Content::seeded(1, 8 * MIB);
    let (cache, origin) = interrupted(&content, &file(&content, "\"v1\""));
    let url = origin.url("/a");
    let deleted = cache.exchange(&Request::new("DELETE", &url));
    assert_eq!(deleted.status(), 200);
    origin.forget_requests();
    let new = Content::seeded(2, 8 * MIB);
    origin.route("/a", file(&new, "\"v2\""));
    assert_part(&ranged(&cache, &origin, "bytes=0-99"), &new, 0, 100);
}

#[test]
fn a_part_stands_in_for_an_origin_that_is_gone() {
    let content = Content::seeded(1, 8 * MIB);
    let stale = |more| {
        let field = format!("max-age=0{more}");
        Reply::file(content.clone(), "\"v1\"").field("Cache-Control", field)
    };
    let (cache, mut origin) = interrupted(&content, &stale(""));
    origin.stop();
    let response = ranged(&cache, &origin, "bytes=0-99");
    assert_part(&response, &content, 0, 100);
    let status = response.value("cache-status").unwrap();
    assert!(status.contains("; fwd=stale"), "{status}");
    assert!(ranged(&cache, &origin, "bytes=0-5000000").status() >= 500);

    let (cache, mut origin) = interrupted(&content, &stale(", must-revalidate"));
    origin.stop();
    assert!(ranged(&cache, &origin, "bytes=0-99").status() >= 500);
}

#[test]
fn without_a_strong_validator_there_is_no_part() {
    let content = Content::seeded(1, 8 * MIB);
    let weak = plain(&content).field("ETag", "W/\"v1\"");
    let (cache, mut origin) = interrupted(&content, &weak);
    origin.stop();
    assert!(ranged(&cache, &origin, "bytes=0-99").status() >= 500);
}
