//! Rates: of one client, and of an origin that asked for a rest.

use std::time::{Duration, Instant};

use super::{basic, bearer, token};
use crate::support::{
    cache::{Cache, fetch_path},
    client::{Request, Response},
    origin::{Content, Origin, Reply},
};

const BUSY: &str = "auth: {tokens: true, requests_per_second: 1, burst: 3}";

/// Asks until it is refused, which the burst allows a few times.
#[track_caller]
fn until_refused(ask: impl Fn() -> Response) -> Response {
    let mut answers = (0..60).map(|_| ask());
    let refused = answers.find(|answer| answer.status() == 429);
    refused.expect("60 requests do not take 57 seconds")
}

#[track_caller]
fn retry_after(response: &Response) -> u64 {
    response.value("retry-after").unwrap().parse().unwrap()
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let cache = Cache::setup().config(BUSY).start();
    let (one, other) = (
        token(&cache, "admin:read,fetch", &[]),
        token(&cache, "admin:read,fetch", &[]),
    );
    let ask = |token: &str| cache.exchange(&Request::get("/api/stats").field("X-API-Key", token));
    let refused = until_refused(|| ask(&one));
    assert_eq!(refused.json()["error"], "rate_limited");
    assert_eq!(retry_after(&refused), 1);
    assert_eq!(
        ask(&other).status(),
        200,
        "each token has a rate of its own"
    );

    let proxied = until_refused(|| {
        let fields = [("Proxy-Authorization", basic(&one))];
        cache.proxy_get("http://192.0.2.1/", &[(fields[0].0, &fields[0].1)])
    });
    assert!(
        proxied
            .value("proxy-status")
            .unwrap()
            .contains("http_request_denied")
    );
    assert!(cache.metric("artifact_cache_rejected_total{reason=\"rate_limited\"}") >= 2.0);
}

#[test]
fn clients_without_a_token_are_told_apart_by_address() {
    let cache = Cache::setup()
        .config("auth: {requests_per_second: 1, burst: 2}")
        .start();
    let refused = until_refused(|| cache.get("/api/stats"));
    assert_eq!(retry_after(&refused), 1);
}

#[test]
fn a_response_leaves_no_faster_than_the_clients_rate() {
    let cache = Cache::setup()
        .config("auth: {bytes_per_second: 1MiB}")
        .start();
    let (origin, content) = (Origin::start(), Content::seeded(1, 3 << 20));
    origin.route("/a", Reply::ok(content.clone()));
    let begin = Instant::now();
    cache.fetch(&origin.url("/a")).assert_is(&content);
    // The first MiB is there at once, and pieces are paid for after they left.
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        cache.fetch(&origin.url("/a")).value("x-cache-status"),
        Some("HIT")
    );
}

#[test]
fn a_tunnel_carries_no_more_than_the_clients_rate() {
    let cache = Cache::setup()
        .config("auth: {bytes_per_second: 1MiB}\nproxy: {connect_ports: ['1024-65535']}")
        .start();
    let (origin, content) = (Origin::start(), Content::seeded(1, 3 << 20));
    origin.route("/a", Reply::ok(content.clone()));
    let mut client = cache.client();
    let authority = origin.address().to_string();
    assert_eq!(client.connect_tunnel(&authority).status(), 200);
    let begin = Instant::now();
    client.exchange(&Request::get("/a")).assert_is(&content);
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    // Both took from the same bucket, which is empty now.
    let begin = Instant::now();
    cache.fetch(&origin.url("/a")).assert_is(&content);
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[test]
fn an_origin_is_read_no_faster_than_its_rate() {
    let cache = Cache::setup()
        .config("upstream: {bytes_per_second: 1MiB}")
        .start();
    let (origin, content) = (Origin::start(), Content::seeded(1, 4 << 20));
    origin.route("/a", Reply::ok(content.clone()));
    let begin = Instant::now();
    cache.fetch(&origin.url("/a")).assert_is(&content);
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn the_rest_that_an_origin_asks_for_is_kept_by_all() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let well = Origin::start();
    origin.route("/a", Reply::status(429).field("Retry-After", "300"));
    origin.route("/b", Reply::ok(Content::literal("b")));
    well.route("/b", Reply::ok(Content::literal("b")));
    let first = cache.proxy_get(&origin.url("/a"), &[]);
    assert_eq!((first.status(), retry_after(&first)), (429, 300));

    for answer in [
        cache.proxy_get(&origin.url("/b"), &[]),
        cache.get(&fetch_path(&origin.url("/b"))),
    ] {
        assert_eq!(answer.status(), 429, "{answer:?}");
        assert!((200..=300).contains(&retry_after(&answer)));
    }
    assert_eq!(origin.hits("/b"), 0);
    assert_eq!(cache.fetch(&well.url("/b")).status(), 200);
}

#[test]
fn what_is_stored_is_served_while_its_origin_rests() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", Reply::status(429).field("Retry-After", "300"));
    origin.route("/b", Reply::ok(Content::literal("b")));
    cache.fetch(&origin.url("/b"));
    cache.proxy_get(&origin.url("/a"), &[]);
    cache
        .fetch(&origin.url("/b"))
        .assert_is(&Content::literal("b"));
}

#[test]
fn what_an_origin_says_to_one_user_is_not_said_to_all() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", Reply::status(429).field("Retry-After", "300"));
    origin.route("/b", Reply::ok(Content::literal("b")));
    let fields = [("Authorization", bearer("user"))];
    let told = cache.proxy_get(&origin.url("/a"), &[(fields[0].0, &fields[0].1)]);
    assert_eq!(told.status(), 429);
    assert_eq!(cache.proxy_get(&origin.url("/b"), &[]).status(), 200);
}
