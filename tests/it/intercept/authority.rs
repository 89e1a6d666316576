//! The verbs of `ca`, and what their certificates are good for.

use std::{fs, os::unix::fs::PermissionsExt as _};

use rustix::process::Signal;

use super::support::*;
use crate::support::eventually;

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_key_is_its_owners_and_is_not_overwritten() {
    let kit = Kit::new(&["*.example.com", "10.0.0.0/8"]);
    let key = kit.data().join("ca/ca.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = fs::read_to_string(&key).unwrap();
    let again = kit.ca(&["init"]);
    assert!(!again.status.success() && text(&again).contains("exists already"));
    assert_eq!(fs::read_to_string(&key).unwrap(), before);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = kit.ca(&["show"]);
    assert!(!shown.status.success() && text(&shown).contains("make it 0600"));
}

#[test]
fn what_was_made_is_shown_and_exported() {
    let kit = Kit::new(&["*.example.com", "10.0.0.0/8"]);
    let shown = kit.ca(&["show", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        shown["hosts"],
        serde_json::json!(["example.com", "10.0.0.0/8"])
    );
    assert_eq!(shown["name"], "CN=artifact-cache local authority");
    assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(text(&kit.ca(&["export"])).trim(), kit.pem().trim());
    let bundle = kit.data().join("bundle.pem");
    let written = kit.ca(&[
        "export",
        "--form",
        "bundle",
        "--out",
        bundle.to_str().unwrap(),
    ]);
    assert!(written.status.success(), "{}", text(&written));
    let bundle = fs::read_to_string(bundle).unwrap();
    assert!(bundle.contains(kit.pem().trim()));
    let none = tempfile::tempdir().unwrap();
    let mut program = crate::support::cache::program();
    let absent = program
        .args(["ca", "show", "--data"])
        .arg(none.path())
        .output()
        .unwrap();
    assert!(text(&absent).contains("ca init"), "{}", text(&absent));
    let bad = Kit::new(&[]).ca(&["init", "--host", "https://example.com"]);
    assert!(text(&bad).contains("is no host"));
}

#[test]
fn after_a_rotation_clients_of_the_old_and_the_new_authority_are_served() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 100);
    let cache = kit.start();
    let old = kit.trusting(&[]);
    kit.get(&cache, "/a").assert_is(&content);
    let rotated = kit.ca(&["rotate"]);
    assert!(rotated.status.success(), "{}", text(&rotated));
    assert_eq!(kit.pem().matches("BEGIN CERTIFICATE").count(), 2);
    // Until the cache is told, the old authority signs, which the bundle of both still trusts.
    kit.get(&cache, "/a").assert_is(&content);
    cache.signal(Signal::HUP);
    let is_refused = || {
        let mut client = cache.client();
        client.connect_tunnel(&kit.place());
        let mut client = client.into_tls(old.clone(), "localhost");
        client.exchange(&kit.request("/a")).status() == 0
    };
    eventually("the new authority signs", is_refused);
    let mut client = cache.client();
    client.connect_tunnel(&kit.place());
    let shown = kit.ca(&["show", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["hosts"], serde_json::json!(["localhost"]));
}

#[test]
fn a_certificate_beyond_the_bounds_of_its_authority_is_worth_nothing() {
    use artifact_cache::clock::Clock;
    use artifact_cache::proxy::authority::{Authority, Leaves, Scope, Wanted, make};
    use std::time::Duration;

    let week = Duration::from_hours(7 * 24);
    let clock = Clock::system();
    let serve = |hosts: &[&str], host: &'static str| {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        let scope = Scope::parse(&hosts).unwrap();
        let wanted = Wanted {
            name: "bound".into(),
            scope,
            lifetime: week,
        };
        let made = make(&wanted, clock.now()).unwrap();
        let authority = Authority::new(&made.certificate, &made.key).unwrap();
        let leaves = Leaves::new(authority, &[b"http/1.1"], week, clock.clone()).unwrap();
        shakes_hands(
            leaves.server(host).unwrap(),
            trusting(&made.certificate),
            host,
        )
    };
    assert!(serve(&[], "a.example.com"));
    assert!(serve(&["example.com"], "a.example.com"));
    assert!(serve(&["10.0.0.0/8"], "10.1.2.3"));
    for (bound, host) in [
        (&["example.com"][..], "example.org"),
        (&["example.com"], "10.1.2.3"),
        (&["10.0.0.0/8"], "11.0.0.1"),
        (&["10.0.0.0/8"], "a.example.com"),
        (&["10.0.0.0/8"], "::1"),
    ] {
        assert!(!serve(bound, host), "{host} by {bound:?}");
    }
}

/// Whether a client trusts what a server shows for `host`.
fn shakes_hands(
    server: std::sync::Arc<rustls::ServerConfig>,
    client: std::sync::Arc<rustls::ClientConfig>,
    host: &'static str,
) -> bool {
    let mut server = rustls::ServerConnection::new(server).unwrap();
    let mut client = rustls::ClientConnection::new(client, host.try_into().unwrap()).unwrap();
    while client.is_handshaking() {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        client.write_tls(&mut there).unwrap();
        if !there.is_empty() {
            server.read_tls(&mut &*there).unwrap();
            server.process_new_packets().unwrap();
        }
        server.write_tls(&mut back).unwrap();
        client.read_tls(&mut &*back).unwrap();
        if client.process_new_packets().is_err() {
            return false;
        }
    }
    true
}
