//! When the answer to a miss begins: verified within the hold, or streamed after it, and never wrong
//! bytes that look complete.

use std::time::Duration;

use super::{
    assert_error, assert_nothing_stored, assert_served, fetch_pinned, large, pinned, small,
    wrong_pin,
};
use crate::support::{
    Ending,
    cache::{Cache, Setup, fetch_path},
    client::{Client, End, Request},
    eventually,
    origin::{Chunks, Content, Gate, Origin, Reply},
    percent_encoded,
};

/// A hold that is over before a gated body can be complete.
fn short_hold() -> Setup {
    Cache::setup().config("fetch: {hold: 20ms}")
}

fn get(query: &str) -> Request {
    Request::get(&format!("/fetch?{query}"))
}

fn start(cache: &Cache, query: &str) -> Client {
    let mut client = cache.client();
    client.send(&get(query).bytes());
    client
}

#[test]
fn within_the_hold_the_head_waits_for_the_digest() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let mut client = start(
        &cache,
        &format!("url={}", percent_encoded(&origin.url("/a"))),
    );
    gate.release(500_000);
    gate.wait_until_reached_by(1);
    // Half of it is here, and the client has been told nothing.
    client = client.with_patience(Duration::from_millis(50));
    let early = client.response("GET");
    assert_eq!((early.status(), early.end), (0, End::Silence));
    gate.open();
    client = client.with_patience(crate::support::PATIENCE);
    assert_served(&client.response("GET"), "MISS", &large());
}

#[test]
fn after_the_hold_a_pinned_body_streams_and_its_last_byte_waits() {
    let (origin, cache, gate) = (Origin::start(), short_hold().start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let mut client = start(
        &cache,
        &pinned(&origin.url("/a"), &large().sha256().to_string()),
    );
    gate.release(large().length() - 1);
    let mut incoming = client.head("GET").unwrap();
    let digest = large().sha256().to_string();
    assert_eq!(incoming.head.status, 200);
    assert_eq!(incoming.head.value("x-cache-status"), Some("MISS"));
    assert_eq!(incoming.head.value("x-content-sha256"), Some(&*digest));
    assert_eq!(incoming.head.value("content-length"), Some("900000"));
    assert!(incoming.read_to(800_000));
    gate.open();
    assert_served(&incoming.finish(), "MISS", &large());
    assert_served(&cache.fetch(&origin.url("/a")), "HIT", &large());
}

#[test]
fn after_the_hold_wrong_bytes_never_complete_and_are_remembered() {
    for chunked in [false, true] {
        let (origin, cache, gate) = (Origin::start(), short_hold().start(), Gate::closed());
        let reply = Reply::ok(large()).gated(&gate);
        origin.route(
            "/a",
            if chunked {
                reply.chunked(Chunks::Good)
            } else {
                reply
            },
        );
        let url = origin.url("/a");
        let mut client = start(&cache, &pinned(&url, &wrong_pin()));
        gate.release(600_000);
        let mut incoming = client.head("GET").unwrap();
        assert!(incoming.read_to(500_000));
        gate.open();
        let response = incoming.finish();
        assert!(!response.is_complete(), "{:?}", response.end);
        assert!(response.length < large().length());
        assert_nothing_stored(&cache);
        // What it turned out to be costs the origin nothing the next time.
        assert_error(
            &fetch_pinned(&cache, &url, wrong_pin()),
            409,
            "checksum_mismatch",
        );
        assert_eq!(origin.hits("/a"), 1);
    }
}

#[test]
fn after_the_hold_an_unpinned_body_streams_with_its_length_and_without_a_digest() {
    let (origin, cache, gate) = (Origin::start(), short_hold().start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let query = format!("url={}", percent_encoded(&origin.url("/a")));
    let mut client = cache.client();
    client.send(&get(&query).field("TE", "trailers").bytes());
    gate.release(300_000);
    let incoming = client.head("GET").unwrap();
    assert_eq!(incoming.head.value("content-length"), Some("900000"));
    assert_eq!(incoming.head.value("x-cache-status"), Some("MISS"));
    assert_eq!(incoming.head.value("x-content-sha256"), None);
    assert_eq!(incoming.head.value("etag"), None);
    gate.open();
    incoming.finish().assert_is(&large());
}

#[test]
fn after_the_hold_an_unknown_length_gets_the_digest_as_a_trailer_when_wanted() {
    let (origin, cache) = (Origin::start(), short_hold().start());
    for (path, te) in [("/wanted", "trailers"), ("/unwanted", "gzip")] {
        let gate = Gate::closed();
        origin.route(path, Reply::ok(large()).chunked(Chunks::Good).gated(&gate));
        let query = format!("url={}", percent_encoded(&origin.url(path)));
        let mut client = cache.client();
        client.send(&get(&query).field("TE", te).bytes());
        gate.release(300_000);
        let incoming = client.head("GET").unwrap();
        assert_eq!(incoming.head.value("x-content-sha256"), None);
        gate.open();
        let response = incoming.finish();
        response.assert_is(&large());
        assert_eq!(response.end, End::LastChunk);
        let trailers: Vec<_> = response
            .trailers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .collect();
        let digest = large().sha256();
        if te == "trailers" {
            assert!(trailers.contains(&("x-content-sha256".into(), digest.to_string())));
            assert!(trailers.contains(&("repr-digest".into(), digest.structured_field())));
        } else {
            assert_eq!(trailers, []);
        }
    }
}

#[test]
fn spool_waits_as_long_as_it_takes() {
    let (origin, cache, gate) = (Origin::start(), short_hold().start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let query = format!("url={}&mode=spool", percent_encoded(&origin.url("/a")));
    let mut client = start(&cache, &query).with_patience(Duration::from_millis(200));
    gate.release(500_000);
    gate.wait_until_reached_by(1);
    assert_eq!(client.response("GET").end, End::Silence);
    gate.open();
    client = client.with_patience(crate::support::PATIENCE);
    assert_served(&client.response("GET"), "MISS", &large());
    let wrong = format!("{}&mode=spool", pinned(&origin.url("/b"), &wrong_pin()));
    origin.route("/b", Reply::ok(large()));
    assert_error(&cache.fetch_with(&wrong, &[]), 409, "checksum_mismatch");
}

#[test]
fn stream_does_not_wait_at_all() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    origin.route("/a", Reply::ok(large()).gated(&gate));
    let query = format!("url={}&mode=stream", percent_encoded(&origin.url("/a")));
    let mut client = start(&cache, &query);
    gate.release(1);
    let mut incoming = client.head("GET").unwrap();
    assert_eq!(incoming.head.value("x-content-sha256"), None);
    assert!(incoming.read_to(1));
    gate.open();
    incoming.finish().assert_is(&large());
    assert_served(&cache.fetch(&origin.url("/a")), "HIT", &large());
}

#[test]
fn a_streamed_body_with_a_wrong_pin_never_completes_however_short_it_is() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, bytes) in [("/0", ""), ("/1", "x"), ("/2", "xy")] {
        origin.route(path, Reply::ok(Content::literal(bytes)));
        let query = format!("{}&mode=stream", pinned(&origin.url(path), &wrong_pin()));
        let response = cache.fetch_with(&query, &[]);
        let refused = response.status() == 409;
        assert!(refused || !response.is_complete(), "{path}: {response:?}");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn a_pinned_part_is_never_sent_unverified() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    let huge = Content::seeded(3, 20_000_000);
    origin.script("/a", {
        let (huge, gate) = (huge.clone(), gate.clone());
        move |_, nth| {
            let reply = Reply::file(huge.clone(), "\"v1\"");
            if nth == 0 { reply.gated(&gate) } else { reply }
        }
    });
    let query = format!("{}&mode=stream", pinned(&origin.url("/a"), &wrong_pin()));
    let mut client = cache.client();
    client.send(
        &get(&query)
            .field("Range", "bytes=15000000-15000099")
            .bytes(),
    );
    gate.wait_until_reached_by(1);
    gate.open();
    let response = client.response("GET");
    assert!(
        response.status() == 409 || !response.is_complete(),
        "{:?}",
        response.head
    );
}

#[test]
fn an_unknown_mode_is_refused() {
    let cache = Cache::start();
    let response = cache.fetch_with("url=http://example.com/&mode=fast", &[]);
    let error = assert_error(&response, 400, "invalid_parameter");
    assert_eq!(error["parameter"], "mode");
}

#[test]
fn the_proxy_never_holds() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    let reply = Reply::ok(large())
        .field("Cache-Control", "max-age=60")
        .gated(&gate);
    origin.route("/a", reply);
    let mut client = cache.client();
    client.send(&Request::get(&origin.url("/a")).bytes());
    gate.release(10);
    let mut incoming = client.head("GET").unwrap();
    assert!(incoming.read_to(10));
    gate.open();
    incoming.finish().assert_is(&large());
}

#[test]
fn a_client_that_leaves_within_the_hold_does_not_stop_the_download() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    origin.route("/a", Reply::ok(small()).gated(&gate));
    let url = origin.url("/a");
    let mut client = cache.client();
    client.send(&Request::get(&fetch_path(&url)).bytes());
    gate.wait_until_reached_by(1);
    client.end(Ending::Reset);
    gate.open();
    eventually("the artifact is stored", || {
        cache.stats()["total_items"] == 1
    });
    assert_served(&cache.fetch(&url), "HIT", &small());
    assert_eq!(origin.hits("/a"), 1);
}
