//! What the cache must never reach, by whichever door and however it is written: 403 with the rule, no
//! connection, nothing stored.

mod hosts;
mod redirects;

use crate::{
    fetch::{assert_error, assert_nothing_stored},
    support::{
        cache::{Cache, fetch_path},
        client::{Client, Request, Response},
        origin::{Content, Origin, Reply},
    },
};

/// The product's own rule: nothing special is allowed.
fn guarded() -> Cache {
    Cache::setup()
        .allow_cidrs(&[])
        .config("upstream: {max_retries: 0, connect_timeout: 2s}")
        .start()
}

fn connect(cache: &Cache, authority: &str) -> Response {
    let mut client = Client::connect(cache.address());
    client.connect_tunnel(authority)
}

/// Panics unless both doors refuse the URL by this rule.
#[track_caller]
fn assert_denied(cache: &Cache, url: &str, rule: &str) {
    let error = assert_error(&cache.fetch(url), 403, "policy_denied");
    assert_eq!(error["rule"], rule, "{url}: {error}");
    let head = cache.exchange(&Request::new("HEAD", &fetch_path(url)));
    assert_eq!(head.status(), 403, "{url}");
    if url.starts_with("http:") {
        let proxied = cache.proxy_get(url, &[]);
        assert_eq!(proxied.status(), 403, "{url}: {proxied:?}");
        let status = proxied.value("proxy-status").unwrap_or_default();
        let kinds = ["http_request_denied", "destination_ip_prohibited"];
        assert!(
            kinds.iter().any(|kind| status.contains(kind)),
            "{url}: {status}"
        );
    }
}

#[test]
fn special_addresses_are_refused_however_they_are_written() {
    let (cache, origin) = (guarded(), Origin::start());
    let port = origin.address().port();
    for (host, rule) in [
        ("127.0.0.1", "loopback"),
        ("127.1", "loopback"),
        ("2130706433", "loopback"),
        ("0x7f000001", "loopback"),
        ("0177.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("[::1]", "loopback"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("[::ffff:7f00:1]", "loopback"),
        ("[0:0:0:0:0:ffff:127.0.0.1]", "loopback"),
        ("0.0.0.0", "this_network"),
        ("0", "this_network"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("169.254.1.1", "link_local"),
        ("169.254.169.254", "metadata"),
        ("2852039166", "metadata"),
        ("[::ffff:169.254.169.254]", "metadata"),
        ("[64:ff9b::a9fe:a9fe]", "metadata"),
        ("[fd00:ec2::254]", "metadata"),
    ] {
        assert_denied(&cache, &format!("http://{host}:{port}/a"), rule);
    }
    assert_eq!(origin.connections(), 0);
    assert_nothing_stored(&cache);
}

#[test]
fn other_special_addresses_are_refused_by_whichever_rule() {
    let (cache, port) = (guarded(), 8080);
    for host in [
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
        "100.64.0.1",
    ] {
        let response = cache.fetch(&format!("http://{host}:{port}/a"));
        assert_error(&response, 403, "policy_denied");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn names_are_judged_by_where_they_lead() {
    let (cache, origin) = (guarded(), Origin::start());
    let port = origin.address().port();
    for name in ["localhost", "LOCALHOST"] {
        assert_denied(&cache, &format!("http://{name}:{port}/a"), "loopback");
    }
    assert_eq!(origin.connections(), 0);
    assert_nothing_stored(&cache);
}

#[test]
fn tunnels_are_under_the_same_rule() {
    let (cache, origin) = (guarded(), Origin::start());
    let port = origin.address().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        for port in [443, port] {
            let response = connect(&cache, &format!("{host}:{port}"));
            assert_eq!(response.status(), 403, "{host}:{port} {response:?}");
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn the_cache_never_talks_to_itself() {
    let cache = Cache::start();
    for address in [cache.address(), cache.metrics_address()] {
        for host in ["127.0.0.1", "0x7f.1", "0.0.0.0"] {
            let url = format!("http://{host}:{}/metrics", address.port());
            let response = cache.fetch(&url);
            assert_error(&response, 403, "policy_denied");
        }
        let tunnel = connect(&cache, &address.to_string());
        assert_eq!(tunnel.status(), 403, "{tunnel:?}");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn the_metadata_service_is_refused_even_when_everything_is_allowed() {
    let cache = Cache::setup().allow_cidrs(&["0.0.0.0/0", "::/0"]).start();
    assert_denied(
        &cache,
        "http://169.254.169.254/latest/meta-data/",
        "metadata",
    );
    assert_denied(&cache, "http://[::ffff:a9fe:a9fe]/", "metadata");
    assert_eq!(connect(&cache, "169.254.169.254:443").status(), 403);
}

#[test]
fn what_is_stored_is_refused_as_well_once_it_may_not_be_reached() {
    let origin = Origin::start();
    origin.route("/a", Reply::ok(Content::seeded(1, 10)));
    let mut cache = Cache::setup().config("{}").start();
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 200);
    cache.rewrite_config("egress: {deny_hosts: [127.0.0.1]}");
    cache.restart();
    assert_denied(&cache, &origin.url("/a"), "deny_hosts");
}

#[test]
fn a_refusal_does_not_say_more_than_the_rule() {
    let cache = guarded();
    let response = cache.fetch("http://user.internal.invalid@10.0.0.1/");
    assert_error(&response, 400, "invalid_parameter");
    let response = cache.fetch("http://10.0.0.1/secret-path?token=abc");
    let error = assert_error(&response, 403, "policy_denied");
    assert!(!error["message"].as_str().unwrap().contains("token"));
}
