//! Tokens and tunnels that end here: the CONNECT shows the token, and what is inside is its client's.

use super::support::*;
use crate::{
    access::{basic, operate, token},
    support::{
        cache::Cache,
        client::{Client, Request},
    },
};

const ASKS: &str = "auth: {tokens: true}\n";

/// A client inside a tunnel that was opened with a token.
fn inside(kit: &Kit, cache: &Cache, token: &str) -> Client {
    let mut client = cache.client();
    let request = Request::new("CONNECT", &kit.place()).field("Proxy-Authorization", &basic(token));
    client.send(&request.bytes());
    let response = client.response("CONNECT");
    assert_eq!(response.status(), 200, "{:?}", response.head);
    client.into_tls(kit.trusting(&["http/1.1"]), "localhost")
}

#[test]
fn a_tunnel_that_ends_here_needs_a_token_as_well() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 100);
    let cache = kit.setup(ASKS).start();
    let refused = cache.client().connect_tunnel(&kit.place());
    assert_eq!(refused.status(), 407);
    assert!(refused.value("proxy-authenticate").is_some());
    assert_eq!(kit.origin.connections(), 0);

    let token = token(&cache, "fetch", &[]);
    let mut client = inside(&kit, &cache, &token);
    client.exchange(&kit.request("/a")).assert_is(&content);
    // What is said inside is said to the origin, also when it looks like a token of ours.
    let own = kit.request("/b").field("Authorization", "Bearer own");
    client.exchange(&own);
    let asked = kit.origin.requests();
    assert_eq!(asked[1].value("authorization"), Some("Bearer own"));
    for request in asked {
        assert_eq!(request.value("proxy-authorization"), None);
        assert!(!format!("{request:?}").contains(token.rsplit('_').next().unwrap()));
    }
}

#[test]
fn a_token_that_is_revoked_ends_what_it_opened() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 100);
    let cache = kit.setup(ASKS).start();
    let (ours, others) = (token(&cache, "fetch", &[]), token(&cache, "fetch", &[]));
    let mut client = inside(&kit, &cache, &ours);
    let mut other = inside(&kit, &cache, &others);
    client.exchange(&kit.request("/a")).assert_is(&content);
    let id = ours.split('_').nth(1).unwrap();
    operate(&cache, &["revoke", id]);
    let refused = client.exchange(&kit.request("/a"));
    assert_eq!(refused.status(), 403);
    assert!(
        refused.text().contains("no longer valid"),
        "{}",
        refused.text()
    );
    other.exchange(&kit.request("/a")).assert_is(&content);
}

#[test]
fn a_token_without_the_scope_or_for_other_hosts_opens_no_tunnel() {
    let kit = Kit::new(&["localhost"]);
    kit.publish("/a", 100);
    let cache = kit.setup(ASKS).start();
    let reads = token(&cache, "admin:read", &[]);
    let elsewhere = token(&cache, "fetch", &["--target", "other.example"]);
    for token in [reads, elsewhere] {
        let request = Request::new("CONNECT", &kit.place());
        let request = request.field("Proxy-Authorization", &basic(&token));
        assert_eq!(cache.exchange(&request).status(), 403);
    }
    assert_eq!(kit.origin.connections(), 0);
}

#[test]
fn what_a_client_is_allowed_per_second_covers_what_is_inside() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 100);
    let limits = "auth: {requests_per_second: 1, burst: 2}\n";
    let cache = kit.setup(limits).start();
    let mut client = kit.client(&cache);
    client.exchange(&kit.request("/a")).assert_is(&content);
    let mut statuses = (0..20).map(|_| client.exchange(&kit.request("/a")).status());
    assert!(statuses.any(|status| status == 429));
}
