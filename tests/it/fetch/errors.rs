//! Everything that can go wrong, told with the documented status and object, and nothing stored.

mod requests;
mod transfers;

use super::{assert_error, assert_nothing_stored, small};
use crate::support::{
    cache::{Cache, Setup},
    client::Request,
    origin::{Origin, Reply},
    percent_encoded,
};

/// One attempt is enough to fail, and little time.
fn impatient() -> Setup {
    Cache::setup().config("upstream: {max_retries: 0, timeout_seconds: 1, connect_timeout: 1s}")
}

#[test]
fn a_status_of_the_origin_is_an_upstream_error() {
    let (origin, cache) = (Origin::start(), impatient().start());
    origin.route("/a", Reply::status(404));
    let url = origin.url("/a");
    let error = assert_error(&cache.fetch(&url), 502, "upstream_error");
    assert_eq!(error["status_code"], 404);
    assert_eq!(error["source_url"], url);
    assert_eq!(error["message"], "Upstream server returned status 404");
    assert_eq!(error["instance"], "/fetch");
    assert!(error["request_id"].is_string());
}

#[test]
fn an_origin_that_cannot_be_reached_is_unavailable_with_a_reason() {
    let (mut gone, cache) = (Origin::start(), impatient().start());
    gone.stop();
    let silent = Origin::start();
    silent.route(
        "/silent",
        Reply::ok(small()).head_gated(&crate::support::origin::Gate::closed()),
    );
    silent.route("/reset", Reply::raw("").then_close());
    let untrusted = Origin::start_tls();
    for (url, reason) in [
        (gone.url("/a"), "connect"),
        ("http://no-such-host.invalid/a".to_owned(), "dns"),
        (silent.url("/silent"), "timeout"),
        (silent.url("/reset"), "reset"),
        (untrusted.url("/a").replace("localhost", "127.0.0.1"), "tls"),
    ] {
        let error = assert_error(&cache.fetch(&url), 503, "upstream_unavailable");
        assert_eq!(error["reason"], reason, "{url}");
        assert_eq!(error["source_url"], url);
        assert_eq!(error["message"], "Upstream server timeout or unreachable");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn an_origin_that_keeps_failing_is_left_alone_for_a_while() {
    let settings = "upstream: {max_retries: 0, circuit_failures: 3, circuit_open: 60s}";
    let (mut origin, cache) = (Origin::start(), Cache::setup().config(settings).start());
    origin.stop();
    let mut answers = (0..4).map(|n| cache.fetch(&origin.url(&format!("/{n}"))));
    let last = answers.nth(3).unwrap();
    let error = assert_error(&last, 503, "upstream_unavailable");
    assert_eq!(error["reason"], "circuit_open");
    let seconds: u64 = last.value("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
}

#[test]
fn an_artifact_over_the_limit_is_refused_whether_it_says_so_or_not() {
    let settings = "storage: {max_object_bytes: 1000}\nupstream: {max_retries: 0}";
    let (origin, cache) = (Origin::start(), Cache::setup().config(settings).start());
    origin.route("/said", Reply::ok(super::large()));
    origin.route("/unsaid", Reply::ok(super::large()).close_delimited());
    for path in ["/said", "/unsaid"] {
        let error = assert_error(&cache.fetch(&origin.url(path)), 502, "artifact_too_large");
        assert_eq!(error["limit"], 1000);
        let size = error["size"].as_u64().unwrap();
        assert!(size > 1000 && (path != "/said" || size == 900_000));
        assert_eq!(error["source_url"], origin.url(path));
    }
    assert_nothing_stored(&cache);
    origin.route("/fits", Reply::ok(super::Content::seeded(1, 1000)));
    assert_eq!(cache.fetch(&origin.url("/fits")).status(), 200);
}

#[test]
fn too_many_redirects_and_redirects_to_nowhere_are_upstream_faults() {
    let (origin, cache) = (Origin::start(), impatient().start());
    origin.route("/loop", Reply::redirect(302, "/loop"));
    let error = assert_error(
        &cache.fetch(&origin.url("/loop")),
        502,
        "too_many_redirects",
    );
    assert_eq!(error["source_url"], origin.url("/loop"));
    assert_eq!(origin.hits("/loop"), 11);
    origin.route("/ftp", Reply::redirect(302, "ftp://example.com/a"));
    assert_error(&cache.fetch(&origin.url("/ftp")), 502, "upstream_invalid");
    assert_nothing_stored(&cache);
}

#[test]
fn a_redirect_from_https_to_http_is_not_followed() {
    let (plain, tls) = (Origin::start(), Origin::start_tls());
    plain.route("/a", Reply::ok(small()));
    tls.route("/a", Reply::redirect(302, &plain.url("/a")));
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, tls.authority().pem()).unwrap();
    let settings = format!("upstream: {{max_retries: 0, extra_ca: {}}}", ca.display());
    let cache = Cache::setup().config(&settings).start();
    assert_error(&cache.fetch(&tls.url("/a")), 502, "upstream_invalid");
    assert_eq!(plain.requests().len(), 0);
    tls.route("/b", Reply::ok(small()));
    cache.fetch(&tls.url("/b")).assert_is(&small());
}

#[test]
fn what_is_not_stored_is_a_504_to_those_who_want_only_that() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let query = format!("url={}", percent_encoded(&origin.url("/a")));
    let only = [("Cache-Control", "only-if-cached")];
    for method in ["GET", "HEAD"] {
        let request = Request::new(method, &format!("/fetch?{query}")).fields(&only);
        assert_eq!(cache.exchange(&request).status(), 504);
    }
    assert_error(&cache.fetch_with(&query, &only), 504, "only_if_cached");
    assert_eq!(origin.requests().len(), 0);
    cache.fetch(&origin.url("/a")).assert_is(&small());
    super::assert_served(&cache.fetch_with(&query, &only), "HIT", &small());
}

#[test]
fn an_origin_that_does_not_speak_http_is_told_apart_from_one_that_is_away() {
    let (origin, cache) = (Origin::start(), impatient().start());
    origin.route("/a", Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    let response = cache.fetch(&origin.url("/a"));
    assert_error(&response, 502, "upstream_invalid");
    assert_nothing_stored(&cache);
}

#[test]
fn a_client_may_ask_for_problem_details() {
    let cache = Cache::start();
    let fields = [("Accept", "application/problem+json")];
    let response = cache.fetch_with("", &fields);
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.value("content-type"),
        Some("application/problem+json")
    );
    let problem = response.json();
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("/missing_parameter")
    );
    assert_eq!(problem["status"], 400);
}

#[test]
fn an_error_is_never_kept_by_those_between() {
    let (origin, cache) = (Origin::start(), impatient().start());
    let response = cache.fetch(&origin.url("/none"));
    assert_eq!(response.value("cache-control"), Some("no-store"));
}
