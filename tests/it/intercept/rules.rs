//! Which tunnels end here, which pass, and which there are not.

use super::support::*;
use crate::support::{cache::Cache, eventually, refusing::assert_refused_at_start};

fn refusal(cache: &Cache, place: &str) -> (u16, String) {
    let response = cache.client().connect_tunnel(place);
    (response.status(), response.head.reason)
}

#[test]
fn the_first_rule_that_fits_decides_before_the_hosts_of_interception() {
    let kit = Kit::new(&[]);
    let content = kit.publish("/a", 100);
    for (rules, intercepted) in [
        ("[tunnel localhost, intercept *]", false),
        ("[intercept localhost, tunnel *]", true),
        ("['tunnel localhost:1']", true),
        ("[]", true),
    ] {
        let cache = kit
            .setup(&format!("proxy: {{connect_rules: {rules}}}\n"))
            .start();
        if intercepted {
            kit.get(&cache, "/a").assert_is(&content);
        } else {
            assert!(passes(&kit, &cache), "{rules}");
        }
        let entered = outcomes(&cache, "tls") > 0.0;
        assert_eq!(entered, intercepted, "{rules}");
    }
    let more = "proxy: {connect_rules: [refuse localhost]}\n";
    let cache = kit.setup(more).start();
    let reason = "CONNECT to localhost is refused by a rule".to_owned();
    assert_eq!(refusal(&cache, &kit.place()), (403, reason));
}

/// Reloads with these settings, none of which needs a restart.
fn reload(cache: &mut Cache, yaml: &str) {
    let count = |cache: &Cache| cache.trace().events("configuration reloaded").len();
    let before = count(cache);
    cache.rewrite_config(yaml);
    cache.signal(rustix::process::Signal::HUP);
    eventually("the rules are reloaded", || count(cache) > before);
    let said = cache.trace().events("configuration reloaded");
    assert_eq!(said[before]["needs_restart"], false, "{yaml}");
}

#[test]
fn rules_of_tunnels_change_without_a_restart() {
    let kit = Kit::new(&["localhost", "other.example"]);
    let content = kit.publish("/a", 100);
    let mut cache = kit.start();
    kit.get(&cache, "/a").assert_is(&content);
    let mut open = kit.client(&cache);
    let rules = |rules: &str| kit.yaml(&format!("proxy: {{connect_rules: [{rules}]}}\n"));
    reload(&mut cache, &rules("tunnel localhost"));
    assert!(passes(&kit, &cache));
    // What was open stays what it is.
    open.exchange(&kit.request("/a")).assert_is(&content);
    reload(&mut cache, &rules("refuse localhost"));
    assert_eq!(refusal(&cache, &kit.place()).0, 403);
    reload(&mut cache, &kit.yaml(""));
    kit.get(&cache, "/a").assert_is(&content);
    let other = "enabled: true, hosts: [other.example]";
    reload(&mut cache, &kit.yaml("").replace("enabled: true", other));
    assert!(passes(&kit, &cache));
}

#[test]
fn an_authority_that_is_bound_to_other_hosts_leaves_a_tunnel_alone() {
    let kit = Kit::new(&["*.example.com", "192.0.2.0/24"]);
    kit.publish("/a", 100);
    assert!(passes(&kit, &kit.start()));
    // Also where the settings ask for more than it may vouch for.
    let rules = "proxy: {connect_rules: [intercept *]}\n";
    assert!(passes(&kit, &kit.setup(rules).start()));
}

#[test]
fn an_address_is_left_alone_unless_it_is_written() {
    let kit = Kit::new(&[]);
    kit.publish("/a", 100);
    let place = kit.origin.address().to_string();
    let cache = kit.start();
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&place).status(), 200);
    let mut client = client.into_tls(kit.origin.authority().client(), "127.0.0.1");
    assert_eq!(client.exchange(&kit.request("/a")).status(), 200);
    assert!(outcomes(&cache, "tls") < 1.0);

    let bound = Kit::new(&["127.0.0.1"]);
    let content = bound.publish("/a", 100);
    let cache = bound.start();
    let place = bound.origin.address().to_string();
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&place).status(), 200);
    let mut client = client.into_tls(bound.trusting(&[]), "127.0.0.1");
    let request = crate::support::client::Request::get("/a")
        .without("Host")
        .field("Host", &place);
    client.exchange(&request).assert_is(&content);
}

#[test]
fn a_rule_does_not_outrank_the_egress_rule_or_the_ports() {
    let kit = Kit::new(&[]);
    let more = "proxy: {connect_rules: [intercept *]}\negress: {deny_hosts: [localhost]}\n";
    let cache = kit.setup(more).start();
    assert_eq!(refusal(&cache, &kit.place()).0, 403);
    let port = (403, "CONNECT to port 25 is not allowed".to_owned());
    assert_eq!(refusal(&cache, "example.com:25"), port);
}

#[test]
fn settings_that_make_no_sense_are_refused_at_the_start() {
    assert_refused_at_start(&[
        ("intercept: {enabled: true}", "artifact-cache ca init"),
        ("intercept: {hosts: ['https://x']}", "is not a host"),
        ("proxy: {connect_rules: [drop example.com]}", "is no rule"),
        (
            "proxy: {connect_rules: [intercept example.com]}",
            "interception is off",
        ),
    ]);
}
