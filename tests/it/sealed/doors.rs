//! Each door: what is stored is served, what is not is refused, and nobody is contacted.

use serde_json::json;

use super::{Kit, MODES, closed, misses};
use crate::{
    fetch::assert_error,
    support::{
        cache::Cache,
        client::Request,
        origin::{Content, Origin},
        s3::{BUCKET, Store},
    },
};

#[test]
fn fetch_serves_what_is_stored_and_refuses_the_rest() {
    let kit = Kit::new();
    for mode in MODES {
        let cache = kit.closed(mode);
        let hit = cache.fetch(&kit.origin.url("/stored"));
        hit.assert_is(&kit.content);
        assert_eq!(hit.value("x-cache-status"), Some("HIT"));
        let miss = cache.fetch(&kit.origin.url("/missing"));
        let error = assert_error(&miss, 503, "upstream_unavailable");
        assert_eq!(error["reason"], mode);
        assert_eq!(miss.value("retry-after"), None, "asking again is in vain");
        let head = format!("/fetch?url={}", kit.origin.url("/missing"));
        assert_eq!(cache.exchange(&Request::new("HEAD", &head)).status(), 503);
        kit.assert_unasked();
    }
}

#[test]
fn a_pinned_digest_of_another_url_is_served() {
    let kit = Kit::new();
    let cache = kit.closed("sealed");
    let (url, digest) = (kit.origin.url("/elsewhere"), kit.content.sha256());
    let answer = cache.fetch_with(&format!("url={url}&sha256={digest}"), &[]);
    answer.assert_is(&kit.content);
    let wrong = "0".repeat(64);
    let url = kit.origin.url("/stored");
    let answer = cache.fetch_with(&format!("url={url}&sha256={wrong}"), &[]);
    assert_error(&answer, 409, "checksum_mismatch");
    assert_eq!(misses(&cache)[0]["sha256"], wrong);
    kit.assert_unasked();
}

#[test]
fn the_proxy_serves_stale_content_and_refuses_the_rest() {
    let kit = Kit::new();
    for mode in MODES {
        let cache = kit.closed(mode);
        let stale = cache.proxy_get(&kit.origin.url("/stored"), &[]);
        stale.assert_is(&kit.content);
        let miss = cache.proxy_get(&kit.origin.url("/missing"), &[]);
        assert_eq!(miss.status(), 503);
        let status = miss.value("proxy-status").unwrap();
        assert!(status.contains("destination_unavailable"), "{status}");
        let url = kit.origin.url("/missing");
        let only = cache.proxy_get(&url, &[("Cache-Control", "only-if-cached")]);
        assert_eq!(only.status(), 504);
        let unsafe_one = cache.exchange(&Request::new("POST", &url).body("x"));
        assert_eq!(unsafe_one.status(), 503);
        kit.assert_unasked();
    }
}

#[test]
fn a_tunnel_is_refused_before_a_name_is_looked_up() {
    let kit = Kit::new();
    for mode in MODES {
        let cache = closed(mode)
            .data(kit.data.path())
            .environment("ARTIFACT_CACHE__PROXY__CONNECT_PORTS", "[443, 1024-65535]")
            .start();
        let authority = kit.origin.address().to_string();
        let answer = cache.client().connect_tunnel(&authority);
        assert_eq!(answer.status(), 503);
        let named = cache.client().connect_tunnel("nowhere.invalid:443");
        assert_eq!(named.status(), 503);
        kit.assert_unasked();
        let listed = misses(&cache);
        assert_eq!(listed[0]["method"], "CONNECT");
        assert_eq!(listed[1]["url"], "nowhere.invalid:443");
        assert!(cache.metric("artifact_cache_withheld_total") >= 2.0);
    }
}

#[test]
fn a_name_is_not_looked_up() {
    let cache = closed("sealed").start();
    let answer = cache.fetch("http://nowhere.invalid/a");
    let error = assert_error(&answer, 503, "upstream_unavailable");
    assert_eq!(error["reason"], "sealed");
}

#[test]
fn the_inside_of_an_intercepted_tunnel_is_served_from_the_store() {
    let kit = crate::intercept::support::Kit::new(&["localhost"]);
    let content = kit.publish("/a.tgz", 100_000);
    let mut online = kit.start();
    kit.get(&online, "/a.tgz").assert_is(&content);
    assert!(online.terminate().success());
    let before = kit.origin.connections();
    let setup = kit.setup("");
    let cache = setup
        .environment("ARTIFACT_CACHE__UPSTREAM__MODE", "sealed")
        .start();
    kit.get(&cache, "/a.tgz").assert_is(&content);
    assert_eq!(kit.get(&cache, "/b.tgz").status(), 503);
    assert_eq!(kit.origin.connections(), before);
}

#[test]
fn a_mirror_serves_what_is_stored() {
    let kit = Kit::new();
    let yaml = format!("mirror: {{upstreams: ['up={}']}}", kit.origin.url("/"));
    let setup = closed("sealed").data(kit.data.path());
    let cache = setup.config(&yaml).start();
    cache.get("/mirror/up/stored").assert_is(&kit.content);
    assert_eq!(cache.get("/mirror/up/missing").status(), 503);
    kit.assert_unasked();
}

#[test]
fn resolve_gives_paths_of_what_is_stored() {
    let kit = Kit::new();
    let setup = closed("sealed").data(kit.data.path());
    let cache = setup
        .environment("ARTIFACT_CACHE__RESOLVE__ALLOW_HTTP", "true")
        .start();
    let post = |path: &str, digest: String| {
        let uri = kit.origin.url(path);
        let length = kit.content.length();
        let document = json!({"artifact_uri": uri, "sha256": digest, "size_bytes": length});
        let request = Request::new("POST", "/resolve").body(document.to_string());
        cache.exchange(&request.field("Content-Type", "application/json"))
    };
    let digest = kit.content.sha256().to_string();
    assert_eq!(post("/stored", digest).json()["cached"], true);
    assert_eq!(post("/missing", "1".repeat(64)).status(), 503);
    kit.assert_unasked();
}

#[test]
fn a_store_is_not_asked_either() {
    let store = Store::start();
    store.place("a", b"object");
    let setup = closed("sealed").config(&store.settings());
    let cache = setup.start();
    let answer = cache.fetch(&format!("s3://{BUCKET}/a"));
    let error = assert_error(&answer, 503, "upstream_unavailable");
    assert_eq!(error["reason"], "sealed");
    assert!(store.requests().is_empty());
}

#[test]
fn neither_a_parent_nor_what_a_rewrite_leads_to_is_asked() {
    let (parent, other) = (Origin::start(), Origin::start());
    let yaml = format!(
        "upstream: {{mode: sealed, parent: '{}', rewrite: [{{from: 'http://from.example/', to: '{}'}}]}}",
        parent.url("").trim_end_matches('/'),
        other.url("/")
    );
    let cache = Cache::setup().config(&yaml).start();
    assert_eq!(cache.fetch("http://example.com/a").status(), 503);
    assert_eq!(cache.fetch("http://from.example/a").status(), 503);
    assert_eq!((parent.connections(), other.connections()), (0, 0));
}

#[test]
fn uploads_and_management_go_on() {
    let cache = closed("sealed").start();
    let content = Content::seeded(3, 1000);
    let path = format!("/cas/sha256/{}", content.sha256());
    assert_eq!(cache.get(&path).status(), 404);
    assert_eq!(cache.get("/api/stats").status(), 200);
    assert_eq!(cache.get("/readyz").status(), 200);
    let mode = "artifact_cache_upstream_mode{mode=\"sealed\"}";
    assert!((cache.metric(mode) - 1.0).abs() < f64::EPSILON);
    let mode = "artifact_cache_upstream_mode{mode=\"online\"}";
    assert!(cache.metric(mode).abs() < f64::EPSILON);
}
