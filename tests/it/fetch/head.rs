//! HEAD: what GET would say, without a body; a miss asks the origin and stores nothing.

use super::{assert_nothing_stored, large, pinned, wrong_pin};
use crate::support::{
    cache::{Cache, fetch_path},
    client::{End, Request, Response},
    origin::{Origin, Reply},
};

fn head(cache: &Cache, url: &str) -> Response {
    cache.exchange(&Request::new("HEAD", &fetch_path(url)))
}

#[test]
fn a_head_miss_asks_the_origin_with_head_and_stores_nothing() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a.zip", Reply::file(large(), "\"v1\""));
    let response = head(&cache, &origin.url("/a.zip"));
    assert_eq!((response.status(), &response.end), (200, &End::NoBody));
    assert_eq!(response.value("x-cache-status"), Some("MISS"));
    assert_eq!(response.value("content-length"), Some("900000"));
    assert_eq!(response.value("content-type"), Some("application/zip"));
    assert_eq!(response.value("x-content-sha256"), None);
    assert_eq!(origin.requests()[0].method, "HEAD");
    assert_nothing_stored(&cache);
}

#[test]
fn a_head_miss_promises_no_digest_that_nobody_has_seen() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()));
    let target = format!("/fetch?{}", pinned(&origin.url("/a"), &wrong_pin()));
    let response = cache.exchange(&Request::new("HEAD", &target));
    assert_eq!((response.status(), &response.end), (200, &End::NoBody));
    for name in ["x-content-sha256", "repr-digest", "etag"] {
        assert_eq!(response.value(name), None, "{name}");
    }
}

#[test]
fn a_head_hit_says_what_get_says() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route(
        "/a",
        Reply::ok(large()).field("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    );
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    let (get, head) = (cache.fetch(&url), head(&cache, &url));
    assert_eq!((head.status(), &head.end), (200, &End::NoBody));
    for name in [
        "content-length",
        "content-type",
        "x-cache-status",
        "x-content-sha256",
        "etag",
        "last-modified",
        "accept-ranges",
        "content-disposition",
        "repr-digest",
    ] {
        assert!(head.value(name).is_some(), "{name}");
        assert_eq!(head.value(name), get.value(name), "{name}");
    }
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn the_head_of_a_warm_url_with_a_wrong_pin_is_the_conflict_that_get_has() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::file(large(), "\"v1\""));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    let target = format!("/fetch?{}", pinned(&url, &wrong_pin()));
    let response = cache.exchange(&Request::new("HEAD", &target));
    assert_eq!((response.status(), &response.end), (409, &End::NoBody));
}

#[test]
fn a_failed_head_has_the_status_of_the_error_and_no_body() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let response = head(&cache, &origin.url("/none"));
    assert_eq!((response.status(), &response.end), (502, &End::NoBody));
    let response = cache.exchange(&Request::new("HEAD", "/fetch"));
    assert_eq!((response.status(), &response.end), (400, &End::NoBody));
    // The connection is in step: the next exchange works.
    let mut client = cache.client();
    client.exchange(&Request::new("HEAD", "/fetch"));
    assert_eq!(client.exchange(&Request::get("/healthz")).status(), 200);
}
