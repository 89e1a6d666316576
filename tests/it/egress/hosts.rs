//! Lists of hosts and ports.

use super::{assert_denied, connect};
use crate::support::{
    cache::Cache,
    origin::{Content, Origin, Reply},
};

#[test]
fn a_denied_host_is_denied_though_its_address_is_allowed() {
    let origin = Origin::start();
    origin.route("/a", Reply::ok(Content::seeded(1, 10)));
    let cache = Cache::setup()
        .config("egress: {deny_hosts: [localhost, '*.denied.example']}")
        .start();
    let port = origin.address().port();
    for host in [
        "localhost",
        "LocalHost",
        "localhost.",
        "a.denied.example",
        "a.b.denied.example",
    ] {
        assert_denied(&cache, &format!("http://{host}:{port}/a"), "deny_hosts");
    }
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 200);
    assert_eq!(connect(&cache, "a.denied.example:443").status(), 403);
}

#[test]
fn with_a_list_of_allowed_hosts_everything_else_is_denied() {
    let origin = Origin::start();
    origin.route("/a", Reply::ok(Content::seeded(1, 10)));
    let cache = Cache::setup()
        .config("egress: {allow_hosts: ['127.0.0.1', '*.allowed.example']}")
        .start();
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 200);
    let port = origin.address().port();
    for host in [
        "localhost",
        "example.com",
        "127.0.0.2",
        "allowed.example.evil.example",
    ] {
        assert_denied(&cache, &format!("http://{host}:{port}/a"), "allow_hosts");
        assert_eq!(connect(&cache, &format!("{host}:443")).status(), 403);
    }
}

#[test]
fn only_ordinary_ports_are_reached() {
    let cache = Cache::start();
    for port in [22, 25, 0, 1023] {
        assert_denied(&cache, &format!("http://127.0.0.1:{port}/"), "allow_ports");
    }
}
