//! What failed is remembered for a short while, and only what is worth remembering.

use super::{assert_error, assert_served, fetch_pinned, small, wrong_pin};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Origin, Reply},
};

#[test]
fn a_404_or_410_costs_the_origin_one_request_a_minute() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, status) in [("/a", 404), ("/b", 410)] {
        origin.sequence(path, [Reply::status(status), Reply::ok(small())]);
        let url = origin.url(path);
        for _ in 0..3 {
            let error = assert_error(&cache.fetch(&url), 502, "upstream_error");
            assert_eq!(error["status_code"], status);
            assert_eq!(error["source_url"], url);
        }
        // It is missing whatever digest it should have.
        assert_error(
            &fetch_pinned(&cache, &url, wrong_pin()),
            502,
            "upstream_error",
        );
        assert_eq!(origin.hits(path), 1);
    }
    super::assert_nothing_stored(&cache);
}

#[test]
fn other_errors_of_the_origin_are_not_remembered() {
    let cache = Cache::setup().config("upstream: {max_retries: 0}").start();
    let origin = Origin::start();
    for status in [401, 403, 500, 503] {
        let path = format!("/{status}");
        origin.sequence(&path, [Reply::status(status), Reply::ok(small())]);
        let error = assert_error(&cache.fetch(&origin.url(&path)), 502, "upstream_error");
        assert_eq!(error["status_code"], status);
        assert_served(&cache.fetch(&origin.url(&path)), "MISS", &small());
    }
}

#[test]
fn what_is_remembered_is_forgotten() {
    let cache = Cache::setup()
        .config("fetch: {negative_ttl: 100ms}")
        .start();
    let origin = Origin::start();
    origin.sequence("/a", [Reply::status(404), Reply::ok(small())]);
    let url = origin.url("/a");
    assert_error(&cache.fetch(&url), 502, "upstream_error");
    eventually("the failure is forgotten", || {
        cache.fetch(&url).status() == 200
    });
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn only_a_whole_200_is_an_artifact() {
    let cache = Cache::setup().config("upstream: {max_retries: 0}").start();
    let origin = Origin::start();
    for status in [201, 203, 204, 206, 300, 304, 400, 418, 501] {
        let path = format!("/{status}");
        origin.route(&path, Reply::status(status));
        let error = assert_error(&cache.fetch(&origin.url(&path)), 502, "upstream_error");
        assert_eq!(error["status_code"], status);
    }
    super::assert_nothing_stored(&cache);
}
