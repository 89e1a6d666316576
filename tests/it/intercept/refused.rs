//! What goes wrong inside: a client that refuses our certificate, one that means another host, an origin
//! that is not who it should be.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, ClientConnection, pki_types::PrivateKeyDer};

use super::support::*;
use crate::support::{PATIENCE, cache::Cache, client::Request, eventually, origin::Origin};

#[test]
fn a_client_that_refuses_our_certificate_gets_its_tunnel_from_then_on() {
    let kit = Kit::new(&["localhost"]);
    kit.publish("/a", 100);
    let cache = kit.start();
    let ask = || {
        let mut client = cache.client();
        assert_eq!(client.connect_tunnel(&kit.place()).status(), 200);
        let mut client = client.into_tls(kit.origin.authority().client(), "localhost");
        client.exchange(&kit.request("/a")).status()
    };
    assert_eq!(ask(), 0);
    let message = "client refuses interception, its tunnels to this host pass for a while";
    let event = cache.trace().wait_for(message, |_| true);
    assert_eq!(event["authority"].as_str().unwrap(), kit.place());
    assert_eq!(ask(), 200);
    assert!(outcomes(&cache, "unwilling") > 0.0);
}

/// A client that shakes hands and leaves without a word, as wget does.
fn leave_after_the_handshake(kit: &Kit, cache: &Cache) {
    let mut stream = tunnel(kit, cache);
    let mut session = session(kit.trusting(&["http/1.1"]));
    while session.is_handshaking() {
        session.complete_io(&mut stream).unwrap();
    }
}

/// A client that leaves on seeing the certificate, as Node does.
fn leave_within_the_handshake(kit: &Kit, cache: &Cache) {
    let mut stream = tunnel(kit, cache);
    session(kit.trusting(&[])).write_tls(&mut stream).unwrap();
    let mut buffer = [0; 4096];
    assert!(stream.read(&mut buffer).unwrap() > 0);
}

fn tunnel(kit: &Kit, cache: &Cache) -> TcpStream {
    let mut stream = TcpStream::connect(cache.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let place = kit.place();
    write!(stream, "CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    stream
}

fn session(config: Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap()
}

#[test]
fn a_client_that_leaves_twice_without_a_word_gets_its_tunnel() {
    for leave in [leave_after_the_handshake, leave_within_the_handshake] {
        let kit = Kit::new(&["localhost"]);
        let content = kit.publish("/a", 100);
        let cache = kit.start();
        let left = || cache.trace().events("tunnel not entered").len();
        leave(&kit, &cache);
        eventually("it is noticed", || left() == 1);
        // It may have been interrupted, and one that asks for something is no such client.
        kit.get(&cache, "/a").assert_is(&content);
        leave(&kit, &cache);
        eventually("it is noticed again", || left() == 2);
        kit.get(&cache, "/a").assert_is(&content);
        leave(&kit, &cache);
        eventually("it is noticed once more", || left() == 3);
        leave(&kit, &cache);
        let message = "client refuses interception, its tunnels to this host pass for a while";
        cache.trace().wait_for(message, |_| true);
        assert!(passes(&kit, &cache));
    }
}

#[test]
fn a_pause_that_is_over_is_over() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 100);
    let yaml = "intercept: {enabled: true, refusal_pause: 0s}\n";
    let cache = kit
        .setup("")
        .environment("ARTIFACT_CACHE__INTERCEPT__REFUSAL_PAUSE", "0s")
        .start();
    let mut client = cache.client();
    client.connect_tunnel(&kit.place());
    let mut client = client.into_tls(stranger(), "localhost");
    assert_eq!(client.exchange(&kit.request("/a")).status(), 0, "{yaml}");
    kit.get(&cache, "/a").assert_is(&content);
}

#[test]
fn a_request_for_another_host_than_its_tunnel_is_misdirected() {
    let kit = Kit::new(&["localhost", "other.example"]);
    kit.publish("/a", 100);
    let cache = kit.start();
    for host in ["other.example", "localhost", "localhost:1"] {
        let request = Request::get("/a").without("Host").field("Host", host);
        let response = kit.client(&cache).exchange(&request);
        assert_eq!(response.status(), 421, "{host}");
        assert!(
            response.text().contains("another host than its tunnel"),
            "{}",
            response.text()
        );
    }
    let absolute = Request::get("https://other.example/a");
    assert_eq!(kit.client(&cache).exchange(&absolute).status(), 421);
    // A name in the handshake that is another one's is told the same way.
    let mut client = cache.client();
    client.connect_tunnel(&kit.place());
    let mut client = client.into_tls(kit.trusting(&[]), "other.example");
    let request = Request::get("/a")
        .without("Host")
        .field("Host", "other.example");
    assert_eq!(client.exchange(&request).status(), 421);
    assert_eq!(kit.origin.hits("/a"), 0);
}

#[test]
fn an_origin_with_a_wrong_certificate_is_a_502_with_the_reason() {
    let kit = Kit::new(&["localhost"]);
    let other = Origin::start_tls();
    let place = format!("localhost:{}", other.address().port());
    let cache = kit.start();
    let mut client = cache.client();
    client.connect_tunnel(&place);
    let mut client = client.into_tls(kit.trusting(&[]), "localhost");
    let request = Request::get("/a").without("Host").field("Host", &place);
    let response = client.exchange(&request);
    assert_eq!(response.status(), 502);
    let text = response.text();
    assert!(text.contains("issuer"), "{text}");
    let status = response.value("proxy-status").unwrap();
    assert!(status.contains("tls_certificate_error"), "{status}");
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn an_origin_whose_certificate_has_expired_is_a_502_with_the_reason() {
    let kit = Kit::new(&["localhost"]);
    let mut expired = CertificateParams::new(["localhost".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let key = KeyPair::generate().unwrap();
    let chain = kit.origin.authority().sign(&expired, &key);
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let origin = Origin::start_with(chain, key);
    let place = format!("localhost:{}", origin.address().port());
    let cache = kit.start();
    let mut client = cache.client();
    client.connect_tunnel(&place);
    let mut client = client.into_tls(kit.trusting(&[]), "localhost");
    let request = Request::get("/a").without("Host").field("Host", &place);
    let response = client.exchange(&request);
    assert_eq!(response.status(), 502);
    assert!(
        response.text().contains("it has expired"),
        "{}",
        response.text()
    );
}

#[test]
fn an_origin_that_is_gone_is_told_in_the_tunnel() {
    let mut kit = Kit::new(&["localhost"]);
    let cache = kit.start();
    kit.origin.stop();
    let response = kit.get(&cache, "/a");
    assert!(
        (500..600).contains(&response.status()),
        "{:?}",
        response.head
    );
    assert!(response.value("proxy-status").is_some());
}
