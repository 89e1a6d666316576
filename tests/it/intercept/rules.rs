//! Which tunnels end here, which pass, and which there are not.

use super::support::*;
use crate::support::{cache::Cache, origin::Origin};

/// Whether a client that trusts the origin only is served: its tunnel passed.
fn passes(kit: &Kit, cache: &Cache) -> bool {
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&kit.place()).status(), 200);
    let mut client = client.into_tls(kit.origin.authority().client(), "localhost");
    client.exchange(&kit.request("/a")).status() == 200
}

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
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    for (yaml, words) in [
        ("intercept: {enabled: true}", "artifact-cache ca init"),
        ("intercept: {hosts: ['https://x']}", "is not a host"),
        ("proxy: {connect_rules: [drop example.com]}", "is no rule"),
        (
            "proxy: {connect_rules: [intercept example.com]}",
            "interception is off",
        ),
    ] {
        std::fs::write(&config, yaml).unwrap();
        let mut program = crate::support::cache::program();
        program.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ]);
        program
            .arg("--config")
            .arg(&config)
            .current_dir(directory.path());
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(words),
            "{yaml}: {said}"
        );
    }
    drop(Origin::start());
}
