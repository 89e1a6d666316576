//! A miss, then hits: the same bytes with the same four fields, and what is counted.

use std::thread;

use super::{assert_served, large, record, small};
use crate::support::{
    cache::{Cache, fetch_path},
    origin::{Content, Gate, Origin, Reply},
    percent_encoded,
};

#[test]
fn a_url_is_a_miss_once_and_a_hit_from_then_on() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, content) in [("/small.txt", small()), ("/large.bin", large())] {
        origin.route(
            path,
            Reply::ok(content.clone()).field("Content-Type", "application/x-test"),
        );
        let url = origin.url(path);
        let miss = cache.fetch(&url);
        assert_served(&miss, "MISS", &content);
        let hit = cache.fetch(&url);
        assert_served(&hit, "HIT", &content);
        assert_eq!(hit.value("content-type"), Some("application/x-test"));
        assert_eq!(hit.value("content-type"), miss.value("content-type"));
        assert_eq!(hit.value("etag"), miss.value("etag"));
        let etag = format!("\"sha256:{}\"", content.sha256());
        assert_eq!(hit.value("etag"), Some(&*etag));
        assert_eq!(
            hit.value("repr-digest"),
            Some(&*content.sha256().structured_field())
        );
        assert_eq!(hit.value("accept-ranges"), Some("bytes"));
        assert_eq!(origin.hits(path), 1);
    }
}

#[test]
fn cache_status_says_in_words_what_happened() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let miss = cache.fetch(&origin.url("/a"));
    let how = "artifact-cache; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!(miss.value("cache-status"), Some(how));
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("cache-status"), Some("artifact-cache; hit"));
    assert!(hit.value("age").is_some());
    assert!(hit.value("x-request-id").is_some());
}

#[test]
fn the_key_is_the_url_with_scheme_host_port_and_fragment_made_normal() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    let url = origin.url("/Path?B=2&a=1");
    cache.fetch(&url).assert_is(&small());
    for same in [url.replace("http:", "HTTP:"), format!("{url}#part")] {
        assert_served(&cache.fetch(&same), "HIT", &small());
    }
    for other in [
        "/path?B=2&a=1",
        "/Path?a=1&B=2",
        "/Path",
        "/Path?",
        "/Path?b=2&a=1",
    ] {
        assert_served(&cache.fetch(&origin.url(other)), "MISS", &small());
    }
    let asked: Vec<_> = origin.requests().iter().map(|r| r.target.clone()).collect();
    assert_eq!(asked[0], "/Path?B=2&a=1");
    assert_eq!(asked.len(), 6);
}

#[test]
fn a_plus_in_the_url_is_a_plus() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    let url = origin.url("/g++-14.deb?v=1+2");
    cache.fetch(&url).assert_is(&small());
    assert_eq!(origin.requests()[0].target, "/g++-14.deb?v=1+2");
    // Written without encoding, it is the same artifact.
    assert_served(
        &cache.fetch_with(&format!("url={url}"), &[]),
        "HIT",
        &small(),
    );
}

#[test]
fn the_url_is_decoded_once() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    cache.fetch(&origin.url("/a%20b%252F")).assert_is(&small());
    assert_eq!(origin.requests()[0].target, "/a%20b%252F");
}

#[test]
fn redirects_are_followed_and_the_asked_url_is_the_key() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/latest", Reply::redirect(302, "/v1/file.bin"));
    origin.route("/v1/file.bin", Reply::ok(small()));
    let url = origin.url("/latest");
    assert_served(&cache.fetch(&url), "MISS", &small());
    assert_served(&cache.fetch(&url), "HIT", &small());
    assert_eq!(
        (origin.hits("/latest"), origin.hits("/v1/file.bin")),
        (1, 1)
    );
    let record = record(&cache, &url).unwrap();
    assert_eq!(record["final_url"], origin.url("/v1/file.bin"));
    assert_eq!(cache.stats()["total_items"], 1);
}

#[test]
fn a_coding_of_the_origin_is_kept_and_the_bytes_are_hashed_as_stored() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let coded = Content::literal(b"\x1f\x8b these are not really gzip bytes");
    origin.route(
        "/a.gz",
        Reply::ok(coded.clone()).field("Content-Encoding", "gzip"),
    );
    for status in ["MISS", "HIT"] {
        let response = cache.fetch(&origin.url("/a.gz"));
        assert_served(&response, status, &coded);
        assert_eq!(response.value("content-encoding"), Some("gzip"));
    }
    assert_eq!(
        origin.requests()[0].value("accept-encoding"),
        Some("identity")
    );
}

#[test]
fn the_origin_is_asked_as_configured_and_learns_nothing_of_the_client() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let query = format!("url={}", percent_encoded(&origin.url("/a")));
    let fields = [
        ("Authorization", "Bearer secret"),
        ("Cookie", "a=b"),
        ("X-Api-Key", "secret"),
        ("Accept-Encoding", "gzip"),
    ];
    cache.fetch_with(&query, &fields).assert_is(&small());
    let asked = &origin.requests()[0];
    assert_eq!(asked.value("user-agent"), Some("HomeLabArtifactCache/1.0"));
    for name in ["authorization", "cookie", "x-api-key", "range", "referer"] {
        assert_eq!(asked.value(name), None, "{name}");
    }
}

#[test]
fn cookies_and_site_policies_of_the_origin_are_not_passed_on() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let reply = Reply::ok(small()).field("Set-Cookie", "id=1");
    let reply = reply
        .field("Strict-Transport-Security", "max-age=1")
        .field("ETag", "\"up\"");
    origin.route("/a", reply);
    for _ in 0..2 {
        let response = cache.fetch(&origin.url("/a"));
        assert_eq!(response.value("set-cookie"), None);
        assert_eq!(response.value("strict-transport-security"), None);
        assert_eq!(response.value("x-upstream-etag"), Some("\"up\""));
    }
}

#[test]
fn fifty_requests_at_once_cost_the_origin_one() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let path = fetch_path(&origin.url("/a"));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let mut client = cache.client();
                client.send(&crate::support::client::Request::get(&path).bytes());
                scope.spawn(move || client.response("GET"))
            })
            .collect();
        gate.wait_until_reached_by(1);
        gate.open();
        for client in clients {
            client.join().unwrap().assert_is(&large());
        }
    });
    assert_eq!(origin.hits("/a"), 1);
    assert_eq!(cache.stats()["total_items"], 1);
}

#[test]
fn different_urls_do_not_wait_for_each_other() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    origin.route("/slow", Reply::ok(large()).head_gated(&gate));
    origin.route("/fast", Reply::ok(small()));
    let mut slow = cache.client();
    let path = fetch_path(&origin.url("/slow"));
    slow.send(&crate::support::client::Request::get(&path).bytes());
    gate.wait_until_reached_by(1);
    cache.fetch(&origin.url("/fast")).assert_is(&small());
    gate.open();
    slow.response("GET").assert_is(&large());
}

#[test]
fn with_the_origin_gone_hits_stay_and_misses_say_so() {
    let (mut origin, cache) = (
        Origin::start(),
        Cache::setup()
            .environment("ARTIFACT_CACHE__UPSTREAM__MAX_RETRIES", "0")
            .start(),
    );
    origin.route("/a", Reply::ok(large()));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    origin.stop();
    assert_served(&cache.fetch(&url), "HIT", &large());
    let other = cache.fetch(&origin.url("/other"));
    let error = super::assert_error(&other, 503, "upstream_unavailable");
    assert_eq!(error["reason"], "connect");
    // Another URL, the same bytes: the pin is enough.
    let mirror = super::fetch_pinned(&cache, &origin.url("/mirror"), large().sha256());
    assert_served(&mirror, "HIT", &large());
}
