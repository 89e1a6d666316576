//! The documented metrics: names, kinds, and values that follow the traffic.

use std::collections::BTreeMap;

use crate::support::{
    cache::Cache,
    client::{Client, Request},
    eventually,
    origin::{Content, Origin, Reply},
};

/// Waits until the sample has this value; requests are counted when their last byte has left.
#[track_caller]
fn reaches(cache: &Cache, name: &str, value: f64) {
    eventually(&format!("{name} is {value}"), || {
        (cache.metric(name) - value).abs() < 0.01
    });
}

#[test]
fn every_documented_name_is_there_before_any_traffic() {
    let cache = Cache::start();
    for address in [cache.address(), cache.metrics_address()] {
        let response = Client::connect(address).exchange(&Request::get("/metrics"));
        let media_type = response.value("content-type").unwrap();
        assert!(
            media_type.starts_with("text/plain; version=0.0.4"),
            "{media_type}"
        );
        let text = response.text();
        for (name, kind) in [
            ("artifact_cache_requests_total", "counter"),
            ("artifact_cache_downloads_total", "counter"),
            ("artifact_cache_bytes_downloaded_total", "counter"),
            ("artifact_cache_bytes_served_total", "counter"),
            ("artifact_cache_items_total", "gauge"),
            ("artifact_cache_size_bytes", "gauge"),
            ("artifact_cache_request_duration_seconds", "histogram"),
            ("artifact_cache_download_size_bytes", "histogram"),
        ] {
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        }
        for status in ["hit", "miss", "error"] {
            let series = format!("artifact_cache_requests_total{{status=\"{status}\"}} 0\n");
            assert!(text.contains(&series), "{series}");
        }
        for bound in ["0.005", "10", "30", "60", "300", "600", "+Inf"] {
            let bucket =
                format!("artifact_cache_request_duration_seconds_bucket{{le=\"{bound}\"}} 0\n");
            assert!(text.contains(&bucket), "{bucket}");
        }
    }
}

#[test]
fn the_numbers_follow_the_traffic() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(Content::seeded(1, 300_000)));
    origin.route("/b", Reply::ok(Content::seeded(2, 1_000)));
    for path in ["/a", "/a", "/a", "/b", "/none", "/none"] {
        cache.fetch(&origin.url(path));
    }
    reaches(&cache, "artifact_cache_requests_total{status=\"hit\"}", 2.0);
    reaches(
        &cache,
        "artifact_cache_requests_total{status=\"miss\"}",
        2.0,
    );
    reaches(
        &cache,
        "artifact_cache_requests_total{status=\"error\"}",
        2.0,
    );
    reaches(&cache, "artifact_cache_downloads_total", 2.0);
    reaches(&cache, "artifact_cache_bytes_downloaded_total", 301_000.0);
    reaches(&cache, "artifact_cache_bytes_served_total", 901_000.0);
    reaches(&cache, "artifact_cache_items_total", 2.0);
    reaches(&cache, "artifact_cache_size_bytes", 301_000.0);
    reaches(&cache, "artifact_cache_request_duration_seconds_count", 6.0);
    reaches(&cache, "artifact_cache_download_size_bytes_count", 2.0);
    reaches(&cache, "artifact_cache_download_size_bytes_sum", 301_000.0);
    let list = cache.get("/api/artifacts?q=%2Fa").json();
    let id = list["items"][0]["id"].clone();
    cache.exchange(&Request::new("DELETE", &format!("/api/artifacts/{id}")));
    reaches(&cache, "artifact_cache_items_total", 1.0);
    reaches(&cache, "artifact_cache_size_bytes", 1_000.0);
}

#[test]
fn requests_that_are_no_cache_requests_do_not_count() {
    let cache = Cache::start();
    for path in ["/health", "/metrics", "/api/stats", "/nope"] {
        cache.get(path);
    }
    let samples = cache.metrics();
    let requests: BTreeMap<_, _> = samples
        .iter()
        .filter(|(name, _)| name.starts_with("artifact_cache_requests_total"))
        .collect();
    assert_eq!(requests.len(), 3);
    assert!(
        requests.values().all(|value| value.abs() < 0.01),
        "{requests:?}"
    );
}

#[test]
fn every_failed_fetch_is_an_error_of_the_cache() {
    let cache = Cache::setup().allow_cidrs(&[]).start();
    for query in [
        "",
        "url=ftp://a/",
        "url=http://127.0.0.1:9/",
        "url=http://a/&sha256=x",
    ] {
        cache.fetch_with(query, &[]);
    }
    reaches(
        &cache,
        "artifact_cache_requests_total{status=\"error\"}",
        4.0,
    );
}

#[test]
fn both_doors_count_the_same() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let reply = Reply::ok(Content::seeded(1, 5_000)).field("Cache-Control", "max-age=600");
    origin.route("/a", reply);
    for _ in 0..2 {
        assert_eq!(cache.proxy_get(&origin.url("/a"), &[]).status(), 200);
    }
    reaches(&cache, "artifact_cache_requests_total{status=\"hit\"}", 1.0);
    reaches(
        &cache,
        "artifact_cache_requests_total{status=\"miss\"}",
        1.0,
    );
    reaches(&cache, "artifact_cache_bytes_served_total", 10_000.0);
    reaches(&cache, "artifact_cache_downloads_total", 1.0);
}
