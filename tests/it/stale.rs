//! Stale responses: when they are served, and when nothing allows it (RFC 9111 §4.2.4, RFC 5861).

use crate::support::{
    cache::Cache,
    client::Request,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

fn body() -> Content {
    Content::literal("artifact")
}

/// A file that has been stale for 10 s when it is stored.
fn stale(directives: &str) -> Reply {
    Reply::file(body(), "\"v1\"")
        .field("Cache-Control", format!("max-age=10{directives}"))
        .field("Age", "20")
}

#[test]
fn a_stale_response_stands_in_for_an_origin_that_fails() {
    let (cache, mut origin) = (Cache::start(), Origin::start());
    origin.sequence("/a", [stale(""), Reply::status(503)]);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    let failed = cache.proxy_get(&url, &[]);
    failed.assert_is(&body());
    assert_eq!(
        failed.value("cache-status"),
        Some("artifact-cache; fwd=stale; fwd-status=503")
    );
    let age: u64 = failed.value("age").unwrap().parse().unwrap();
    assert!(age >= 20);
    origin.stop();
    let gone = cache.proxy_get(&url, &[]);
    gone.assert_is(&body());
    assert_eq!(
        gone.value("cache-status"),
        Some("artifact-cache; fwd=stale; detail=origin-unreachable")
    );
}

#[test]
fn some_responses_are_never_served_stale() {
    let (cache, mut origin) = (Cache::start(), Origin::start());
    let directives = [
        ", must-revalidate",
        ", proxy-revalidate",
        ", s-maxage=5",
        ", no-cache",
        ", stale-if-error=5",
    ];
    let paths: Vec<_> = (0..directives.len()).map(|n| format!("/{n}")).collect();
    for (path, directive) in paths.iter().zip(directives) {
        origin.sequence(path, [stale(directive), Reply::status(503)]);
        cache.proxy_get(&origin.url(path), &[]).assert_is(&body());
        let failed = cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(failed.status(), 503, "{directive}");
    }
    origin.stop();
    for (path, directive) in paths.iter().zip(directives) {
        let gone = cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(gone.status(), 503, "{directive}");
        assert!(gone.value("proxy-status").is_some());
    }
}

#[test]
fn serving_stale_can_be_switched_off() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__CACHE__STALE_IF_ERROR", "false");
    let (cache, origin) = (setup.start(), Origin::start());
    for (path, directives, status) in [("/a", "", 503), ("/b", ", stale-if-error=60", 200)] {
        origin.sequence(path, [stale(directives), Reply::status(503)]);
        cache.proxy_get(&origin.url(path), &[]).assert_is(&body());
        let failed = cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(failed.status(), status, "{path}");
    }
}

#[test]
fn an_error_of_the_client_is_no_failure_of_the_origin() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.sequence("/a", [stale(""), Reply::status(404)]);
    cache.proxy_get(&origin.url("/a"), &[]).assert_is(&body());
    assert_eq!(cache.proxy_get(&origin.url("/a"), &[]).status(), 404);
}

#[test]
fn a_response_is_served_stale_while_it_is_revalidated_once() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let gate = Gate::closed();
    let confirmed = Reply::status(304)
        .field("ETag", "\"v1\"")
        .field("Cache-Control", "max-age=1000")
        .head_gated(&gate);
    origin.sequence("/a", [stale(", stale-while-revalidate=60"), confirmed]);
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    // The origin does not answer, yet nobody waits.
    for _ in 0..10 {
        let response = cache.proxy_get(&url, &[]);
        response.assert_is(&body());
        let status = response.value("cache-status").unwrap();
        assert!(status.starts_with("artifact-cache; hit"), "{status}");
        assert!(response.value("age").unwrap().parse::<u64>().unwrap() >= 20);
    }
    gate.open();
    eventually("the background revalidation is stored", || {
        let response = cache.proxy_get(&url, &[]);
        response.value("cache-status").unwrap().contains("ttl=9")
    });
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn the_window_of_revalidation_ends() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", stale(", stale-while-revalidate=5"));
    cache.proxy_get(&origin.url("/a"), &[]).assert_is(&body());
    let response = cache.proxy_get(&origin.url("/a"), &[]);
    assert_eq!(
        response.value("cache-status"),
        Some("artifact-cache; fwd=stale; fwd-status=304; stored")
    );
}

#[test]
fn a_client_may_accept_a_stale_response() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", stale(""));
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]).assert_is(&body());
    let accepts = |value| cache.proxy_get(&url, &[("Cache-Control", value)]);
    accepts("max-stale=1000").assert_is(&body());
    accepts("max-stale").assert_is(&body());
    assert_eq!(origin.hits("/a"), 1);
    accepts("max-stale=1").assert_is(&body());
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn head_is_served_stale_as_well() {
    let (cache, mut origin) = (Cache::start(), Origin::start());
    origin.route("/a", stale(""));
    cache.proxy_get(&origin.url("/a"), &[]).assert_is(&body());
    origin.stop();
    let head = cache.exchange(&Request::new("HEAD", &origin.url("/a")));
    assert_eq!(
        (head.status(), head.value("content-length")),
        (200, Some("8"))
    );
}
