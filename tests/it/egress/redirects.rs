//! Each hop of a redirect is judged like a request.

use super::{assert_error, assert_nothing_stored};
use crate::support::{
    cache::{Cache, Setup},
    origin::{Content, Origin, Reply},
};

/// Only 127.0.0.1 itself, where the origins of the tests are.
fn narrow() -> Setup {
    let settings = "upstream: {max_retries: 0, connect_timeout: 2s}";
    Cache::setup()
        .allow_cidrs(&["127.0.0.1/32"])
        .config(settings)
}

#[test]
fn a_redirect_to_where_no_request_may_go_is_refused() {
    let (origin, cache) = (Origin::start(), narrow().start());
    for (n, (location, rule)) in [
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://2852039166/latest/meta-data/", "metadata"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://127.0.0.2:8080/", "loopback"),
        ("http://[::1]:8080/", "loopback"),
        ("http://10.0.0.1/", "private"),
        ("//192.168.1.1/router", "private"),
        ("http://0.0.0.0:8080/", "this_network"),
        ("http://127.0.0.1:22/", "allow_ports"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{n}");
        origin.route(&path, Reply::redirect(302, location));
        let error = assert_error(&cache.fetch(&origin.url(&path)), 403, "policy_denied");
        assert_eq!(error["rule"], rule, "{location}");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn a_redirect_to_the_cache_itself_is_refused() {
    let (origin, cache) = (Origin::start(), narrow().start());
    for address in [cache.address(), cache.metrics_address()] {
        origin.route(
            "/a",
            Reply::redirect(307, &format!("http://{address}/metrics")),
        );
        let error = assert_error(&cache.fetch(&origin.url("/a")), 403, "policy_denied");
        assert_eq!(error["rule"], "own_address");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn the_last_of_several_hops_is_judged_too() {
    let (origin, other, cache) = (Origin::start(), Origin::start(), narrow().start());
    origin.route("/a", Reply::redirect(301, &other.url("/b")));
    other.route("/b", Reply::redirect(308, "http://169.254.169.254/"));
    assert_error(&cache.fetch(&origin.url("/a")), 403, "policy_denied");
    assert_eq!(other.hits("/b"), 1);
    other.route("/b", Reply::redirect(308, "/c"));
    other.route("/c", Reply::ok(Content::seeded(1, 10)));
    cache
        .fetch(&origin.url("/a"))
        .assert_is(&Content::seeded(1, 10));
}

#[test]
fn the_proxy_leaves_redirects_to_its_client() {
    let (origin, cache) = (Origin::start(), narrow().start());
    origin.route("/a", Reply::redirect(302, "http://169.254.169.254/"));
    let response = cache.proxy_get(&origin.url("/a"), &[]);
    assert_eq!(response.status(), 302);
    assert_eq!(
        cache.proxy_get("http://169.254.169.254/", &[]).status(),
        403
    );
}
