//! A pin is an identity: what has the digest is served from wherever it is, anything else never.

use super::{
    access_count, assert_error, assert_nothing_stored, assert_served, blobs, fetch_pinned, large,
    pinned, record, small, wrong_pin,
};
use crate::support::{
    cache::{Cache, Setup},
    origin::{Content, Origin, Reply},
    percent_encoded,
};

fn with_config(yaml: &str) -> Setup {
    Cache::setup().config(yaml)
}

#[test]
fn every_spelling_of_the_right_pin_is_taken() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let (url, hex) = (origin.url("/a"), small().sha256().to_string());
    let field = small().sha256().structured_field();
    let base64 = field.trim_start_matches("sha-256=:").trim_end_matches(':');
    for pin in [
        String::new(),
        hex.clone(),
        hex.to_uppercase(),
        format!("sha256:{hex}"),
        format!("sha256-{}", percent_encoded(base64)),
    ] {
        let response = cache.fetch_with(&pinned(&url, &pin), &[]);
        response.assert_is(&small());
    }
    cache
        .fetch(&format!("{url}#sha256={hex}"))
        .assert_is(&small());
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn the_digest_in_a_fragment_is_a_pin() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let wrong = format!("{}#sha256={}", origin.url("/a"), wrong_pin());
    assert_error(&cache.fetch(&wrong), 409, "checksum_mismatch");
}

#[test]
fn what_is_no_digest_is_refused_before_anything_is_asked() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let url = origin.url("/a");
    let short = "0".repeat(63);
    let md5 = format!("md5:{}", "0".repeat(32));
    for pin in [
        "abc",
        &*short,
        &format!("{short}g"),
        &format!("{short}00"),
        &md5,
        "sha256:",
        "sha256-!!",
    ] {
        let response = cache.fetch_with(&pinned(&url, pin), &[]);
        let error = assert_error(&response, 400, "invalid_parameter");
        assert_eq!(error["parameter"], "sha256", "{pin}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_wrong_pin_of_a_cold_url_is_a_conflict_that_leaves_nothing() {
    for content in [small(), large()] {
        let (origin, cache) = (Origin::start(), Cache::start());
        origin.route("/a", Reply::file(content.clone(), "\"v1\""));
        let url = origin.url("/a");
        let error = assert_error(
            &fetch_pinned(&cache, &url, wrong_pin()),
            409,
            "checksum_mismatch",
        );
        assert_eq!(error["expected"], wrong_pin());
        assert_eq!(error["actual"], content.sha256().to_string());
        assert_eq!(error["source_url"], url);
        assert_eq!(
            error["message"],
            "Artifact checksum does not match expected value"
        );
        assert_nothing_stored(&cache);
        // A loop of retries costs the origin nothing.
        assert_error(
            &fetch_pinned(&cache, &url, wrong_pin()),
            409,
            "checksum_mismatch",
        );
        assert_eq!(origin.hits("/a"), 1);
        // The right pin, or none, is another question.
        assert_served(
            &fetch_pinned(&cache, &url, content.sha256()),
            "MISS",
            &content,
        );
        assert_served(&cache.fetch(&url), "HIT", &content);
        assert_eq!(origin.hits("/a"), 2);
    }
}

#[test]
fn a_wrong_pin_of_a_warm_url_asks_the_origin_once_and_only_whether_it_changed() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::file(large(), "\"v1\""));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    for _ in 0..2 {
        let response = fetch_pinned(&cache, &url, wrong_pin());
        let error = assert_error(&response, 409, "checksum_mismatch");
        assert_eq!(error["actual"], large().sha256().to_string());
    }
    let asked = origin.requests_for("/a");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].value("if-none-match"), Some("\"v1\""));
    assert_eq!(asked[1].bytes_sent(), 0);
    assert_served(&cache.fetch(&url), "HIT", &large());
}

#[test]
fn a_wrong_pin_of_a_warm_url_is_a_conflict_whatever_the_origin_does() {
    let no_retries = "upstream: {max_retries: 0}";
    let (mut origin, cache) = (Origin::start(), with_config(no_retries).start());
    origin.sequence("/a", [Reply::file(small(), "\"v1\""), Reply::status(404)]);
    origin.sequence("/b", [Reply::file(small(), "\"v1\""), Reply::status(500)]);
    origin.route("/c", Reply::file(small(), "\"v1\""));
    for path in ["/a", "/b", "/c"] {
        cache.fetch(&origin.url(path)).assert_is(&small());
    }
    for path in ["/a", "/b"] {
        let response = fetch_pinned(&cache, &origin.url(path), wrong_pin());
        assert_error(&response, 409, "checksum_mismatch");
    }
    origin.stop();
    let response = fetch_pinned(&cache, &origin.url("/c"), wrong_pin());
    assert_error(&response, 409, "checksum_mismatch");
}

#[test]
fn a_pin_that_the_origin_has_by_now_becomes_the_newest_version() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let (old, new) = (Content::seeded(1, 400_000), Content::seeded(2, 500_000));
    origin.sequence(
        "/a",
        [
            Reply::file(old.clone(), "\"v1\""),
            Reply::file(new.clone(), "\"v2\""),
        ],
    );
    let url = origin.url("/a");
    assert_served(&cache.fetch(&url), "MISS", &old);
    assert_served(&fetch_pinned(&cache, &url, new.sha256()), "MISS", &new);
    assert_served(&cache.fetch(&url), "HIT", &new);
    // The earlier version is still there for those who pinned it, though the origin changed.
    assert_served(&fetch_pinned(&cache, &url, old.sha256()), "HIT", &old);
    assert_eq!(origin.hits("/a"), 2);
    let record = record(&cache, &url).unwrap();
    let versions: Vec<_> = record["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["sha256"].clone())
        .collect();
    assert_eq!(
        versions,
        [new.sha256().to_string(), old.sha256().to_string()]
    );
    assert_eq!(cache.stats()["total_items"], 1);
}

#[test]
fn new_bytes_that_are_not_the_pinned_ones_either_do_not_replace_the_old() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let (old, new) = (Content::seeded(1, 400_000), Content::seeded(2, 500_000));
    origin.sequence(
        "/a",
        [
            Reply::file(old.clone(), "\"v1\""),
            Reply::file(new.clone(), "\"v2\""),
        ],
    );
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&old);
    for _ in 0..2 {
        let error = assert_error(
            &fetch_pinned(&cache, &url, wrong_pin()),
            409,
            "checksum_mismatch",
        );
        assert_eq!(error["actual"], new.sha256().to_string());
    }
    assert_eq!(origin.hits("/a"), 2);
    assert_served(&cache.fetch(&url), "HIT", &old);
    assert_eq!(blobs(&cache).len(), 1);
}

#[test]
fn with_conflict_configured_a_wrong_pin_of_a_warm_url_asks_nobody() {
    let cache = with_config("fetch: {on_pin_mismatch: conflict}").start();
    let origin = Origin::start();
    origin.route("/a", Reply::file(small(), "\"v1\""));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&small());
    let error = assert_error(
        &fetch_pinned(&cache, &url, wrong_pin()),
        409,
        "checksum_mismatch",
    );
    assert_eq!(error["actual"], small().sha256().to_string());
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn pinned_bytes_of_another_url_are_served_and_their_new_source_is_recorded() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()));
    cache.fetch(&origin.url("/a")).assert_is(&large());
    let mirror = origin.url("/mirror/a");
    let alias = fetch_pinned(&cache, &mirror, large().sha256());
    assert_served(&alias, "HIT", &large());
    assert_eq!(
        alias.value("cache-status"),
        Some("artifact-cache; hit; detail=pin-alias")
    );
    assert_eq!(origin.hits("/mirror/a"), 0);
    // From now on it is a source like any other, without the pin as well.
    let again = cache.fetch(&mirror);
    assert_served(&again, "HIT", &large());
    assert_eq!(again.value("cache-status"), Some("artifact-cache; hit"));
    assert_eq!(access_count(&cache, &mirror), 2);
    assert_eq!(cache.stats()["total_items"], 2);
    assert_eq!(blobs(&cache).len(), 1);
}

#[test]
fn pinned_bytes_of_another_url_can_be_for_bad_times_only() {
    let settings = "fetch: {pin_alias: offline}\nupstream: {max_retries: 0}";
    let (mut origin, cache) = (Origin::start(), with_config(settings).start());
    origin.route("*", Reply::ok(large()));
    cache.fetch(&origin.url("/a")).assert_is(&large());
    let mirror = origin.url("/mirror");
    assert_served(
        &fetch_pinned(&cache, &mirror, large().sha256()),
        "MISS",
        &large(),
    );
    origin.stop();
    let alias = fetch_pinned(&cache, &origin.url("/other"), large().sha256());
    assert_served(&alias, "HIT", &large());
}

#[test]
fn pinned_bytes_of_another_url_can_be_refused() {
    let settings = "fetch: {pin_alias: never}\nupstream: {max_retries: 0}";
    let (mut origin, cache) = (Origin::start(), with_config(settings).start());
    origin.route("*", Reply::ok(large()));
    cache.fetch(&origin.url("/a")).assert_is(&large());
    assert_served(
        &fetch_pinned(&cache, &origin.url("/b"), large().sha256()),
        "MISS",
        &large(),
    );
    origin.stop();
    let other = fetch_pinned(&cache, &origin.url("/c"), large().sha256());
    assert_error(&other, 503, "upstream_unavailable");
}
