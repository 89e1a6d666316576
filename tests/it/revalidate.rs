//! Validation: what a 304 changes, and what conditional requests get (RFC 9111 §4.3).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Gate, Origin, Reply},
};

fn body() -> Content {
    Content::literal("artifact")
}

/// A file that is stale as soon as it is stored.
fn stale() -> Reply {
    Reply::file(body(), "\"v1\"")
        .field("Cache-Control", "max-age=10")
        .field("Age", "20")
}

#[test]
fn a_stale_response_is_confirmed_with_its_validators() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let date = "Fri, 13 Nov 2026 10:00:00 GMT";
    origin.route("/a", stale().field("Last-Modified", date));
    cache.proxy_get(&origin.url("/a"), &[]).assert_is(&body());
    let confirmed = cache.proxy_get(&origin.url("/a"), &[]);
    confirmed.assert_is(&body());
    assert_eq!(
        confirmed.value("cache-status"),
        Some("artifact-cache; fwd=stale; fwd-status=304; stored")
    );
    let asked = &origin.requests()[1];
    assert_eq!(asked.value("if-none-match"), Some("\"v1\""));
    assert_eq!(asked.value("if-modified-since"), Some(date));
    assert_eq!(origin.bytes_sent("/a"), body().length());
}

#[test]
fn the_first_answer_can_be_confirmed_while_it_is_still_being_stored() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::file(body(), "\"v1\"").field("Cache-Control", "no-cache");
    origin.route("*", reply);
    let mut client = cache.client();
    for number in 0..50 {
        let request = Request::get(&origin.url(&format!("/{number}")));
        client.exchange(&request).assert_is(&body());
        let confirmed = client.exchange(&request);
        confirmed.assert_is(&body());
        let status = confirmed.value("cache-status").unwrap();
        assert!(status.ends_with("fwd-status=304; stored"), "{status}");
    }
}

#[test]
fn a_304_brings_new_fields_and_new_freshness_but_no_other_length() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let first = stale().field("X-Kept", "1").field("X-Changed", "old");
    let second = Reply::status(304)
        .field("ETag", "\"v1\"")
        .field("X-Changed", "new")
        .field("X-Added", "1")
        .field("Content-Length", "99")
        .field("Content-Encoding", "gzip")
        .field("Cache-Control", "max-age=1000");
    origin.sequence("/a", [first, second]);
    let url = origin.url("/a");
    for _ in 0..3 {
        cache.proxy_get(&url, &[]).assert_is(&body());
    }
    let hit = cache.proxy_get(&url, &[]);
    hit.assert_is(&body());
    assert_eq!(hit.value("x-kept"), Some("1"));
    assert_eq!(hit.head.values("x-changed"), ["new"]);
    assert_eq!(hit.value("x-added"), Some("1"));
    assert_eq!(hit.value("content-length"), Some("8"));
    assert_eq!(hit.value("content-encoding"), None);
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn a_changed_response_replaces_the_stored_one() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let new = Reply::file(Content::literal("new"), "\"v2\"").field("Cache-Control", "max-age=60");
    origin.sequence("/a", [stale(), new]);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    let changed = cache.proxy_get(&url, &[]);
    changed.assert_is(&Content::literal("new"));
    assert_eq!(
        changed.value("cache-status"),
        Some("artifact-cache; fwd=stale; fwd-status=200; stored")
    );
    cache
        .proxy_get(&url, &[])
        .assert_is(&Content::literal("new"));
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn a_304_about_something_else_is_not_believed() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let other = Reply::status(304).field("ETag", "\"v9\"");
    let new = Reply::file(Content::literal("new"), "\"v9\"");
    origin.sequence("/a", [stale(), other, new]);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    // Waits for the commit: what is stored anew between two requests to the origin is looked at again.
    cache.stats();
    cache
        .proxy_get(&url, &[])
        .assert_is(&Content::literal("new"));
    assert_eq!(origin.requests()[2].value("if-none-match"), None);
}

#[test]
fn a_client_with_the_current_version_is_told_so_after_validation() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", stale());
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]);
    let known = cache.proxy_get(&url, &[("If-None-Match", "\"v1\"")]);
    assert_eq!((known.status(), known.length), (304, 0));
    let other = cache.proxy_get(&url, &[("If-None-Match", "\"v0\"")]);
    other.assert_is(&body());
    assert_eq!(origin.requests()[2].value("if-none-match"), Some("\"v1\""));
}

#[test]
fn a_conditional_request_for_something_unknown_is_the_clients_own() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route(
        "/a",
        Reply::file(body(), "\"v1\"").field("Cache-Control", "max-age=60"),
    );
    let url = origin.url("/a");
    let known = cache.proxy_get(&url, &[("If-None-Match", "\"v1\"")]);
    assert_eq!((known.status(), known.length), (304, 0));
    cache.proxy_get(&url, &[]).assert_is(&body());
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn preconditions_on_the_state_of_the_origin_are_for_the_origin() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route(
        "/a",
        Reply::file(body(), "\"v1\"").field("Cache-Control", "max-age=60"),
    );
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    cache
        .proxy_get(&url, &[("If-Match", "\"v1\"")])
        .assert_is(&body());
    assert_eq!(origin.requests()[1].value("if-match"), Some("\"v1\""));
}

#[test]
fn a_client_can_insist_on_validation() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route(
        "/a",
        Reply::file(body(), "\"v1\"").field("Cache-Control", "max-age=60"),
    );
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    for field in [
        ("Cache-Control", "no-cache"),
        ("Cache-Control", "max-age=0"),
        ("Pragma", "no-cache"),
    ] {
        let response = cache.proxy_get(&url, &[field]);
        response.assert_is(&body());
        assert_eq!(
            response.value("cache-status"),
            Some("artifact-cache; fwd=request; fwd-status=304; stored")
        );
    }
    assert_eq!(origin.bytes_sent("/a"), body().length());
}

#[test]
fn validations_at_the_same_time_are_one() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let gate = Gate::closed();
    let confirmed = Reply::status(304)
        .field("ETag", "\"v1\"")
        .field("Cache-Control", "max-age=1000")
        .head_gated(&gate);
    origin.sequence("/a", [stale(), confirmed]);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    let started = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut client = cache.client();
                client.send(&Request::get(&url).bytes());
                started.fetch_add(1, Ordering::SeqCst);
                client.response("GET").assert_is(&body());
            });
        }
        gate.wait_until_reached_by(1);
        crate::support::eventually("everyone has asked", || {
            started.load(Ordering::SeqCst) == 20
        });
        gate.open();
    });
    assert_eq!(origin.hits("/a"), 2);
}
