//! Statistics, the list of artifacts, health and metrics of the running program.

mod artifacts;
mod listing;
mod metrics;
mod purge;

use crate::{
    fetch::assert_error,
    support::{
        cache::Cache,
        client::{Client, Request},
        origin::{Content, Origin, Reply},
    },
};

/// A cache that holds `count` artifacts, `/0` of one byte, `/1` of two, and so on.
fn filled(count: usize) -> (Origin, Cache) {
    let (origin, cache) = (Origin::start(), Cache::start());
    for n in 0..count {
        let path = format!("/{n}");
        origin.route(&path, Reply::ok(Content::seeded(n as u64, n as u64 + 1)));
        assert_eq!(cache.fetch(&origin.url(&path)).status(), 200);
        // Numbers are given when artifacts are stored, which may be in another order.
        cache.stats();
    }
    (origin, cache)
}

#[test]
fn statistics_are_right_at_once() {
    let (origin, cache) = filled(3);
    let stats = cache.stats();
    assert_eq!(stats["total_items"], 3);
    assert_eq!(stats["total_size_bytes"], 6);
    assert_eq!(stats["total_accesses"], 0);
    for _ in 0..4 {
        cache.fetch(&origin.url("/1"));
    }
    assert_eq!(cache.stats()["total_accesses"], 4);
    assert_eq!(cache.get("/api/v1/stats").json(), cache.stats());
}

#[test]
fn health_has_the_documented_keys() {
    let cache = Cache::start();
    let response = cache.get("/health");
    assert_eq!(response.status(), 200);
    let health = response.json();
    assert_eq!(health["status"], "healthy");
    for key in ["timestamp", "version", "cache_dir"] {
        assert!(health[key].is_string(), "{key}");
    }
    assert!(health["allow_local_paths"].is_boolean());
    assert!(health.get("s3_endpoint_url").is_some());
    assert_eq!(
        cache.get("/healthz").json(),
        serde_json::json!({"status": "ok"})
    );
    let ready = cache.get("/readyz");
    assert_eq!(ready.status(), 200);
    assert_eq!(
        ready.json(),
        serde_json::json!({"status": "ready", "reason": null})
    );
}

#[test]
fn too_little_free_space_is_not_ready_but_healthy() {
    let cache = Cache::setup()
        .config("storage: {min_free_bytes: 1000TiB}")
        .start();
    let ready = cache.get("/readyz");
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json()["reason"], "low disk");
    assert_eq!(cache.get("/health").status(), 200);
}

#[test]
fn both_listeners_answer_monitors_and_only_one_the_rest() {
    let cache = Cache::start();
    for path in ["/metrics", "/health", "/healthz", "/readyz"] {
        for address in [cache.address(), cache.metrics_address()] {
            let response = Client::connect(address).exchange(&Request::get(path));
            assert_eq!(response.status(), 200, "{path} at {address}");
        }
    }
    for path in [
        "/api/stats",
        "/api/artifacts",
        "/fetch?url=http://example.com/",
    ] {
        let response = Client::connect(cache.metrics_address()).exchange(&Request::get(path));
        assert_error(&response, 404, "not_found");
    }
}

#[test]
fn a_wrong_method_is_named_with_the_right_ones() {
    let cache = Cache::start();
    for path in [
        "/health",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/stats",
        "/api/artifacts",
        "/",
    ] {
        let response = cache.exchange(&Request::new("POST", path).body("{}"));
        assert_error(&response, 405, "method_not_allowed");
        assert_eq!(response.value("allow"), Some("GET, HEAD"), "{path}");
    }
}
