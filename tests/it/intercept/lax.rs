//! What clients are known to do with CONNECT, right or wrong, and still get their bytes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::ClientConnection;

use super::support::*;
use crate::support::{
    PATIENCE,
    client::{Client, Request},
    origin::{Content, Origin, Reply},
};

#[test]
fn old_and_careless_clients_are_intercepted_like_others() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 1000);
    let cache = kit.start();
    let place = kit.place();
    for head in [
        format!("CONNECT {place} HTTP/1.0\r\n\r\n"),
        format!("CONNECT {place} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"),
        format!(
            "CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Connection: Keep-Alive\r\n\r\n"
        ),
    ] {
        let mut client = cache.client();
        client.send(head.as_bytes());
        assert!(head_of(&mut client).contains(" 200 "), "{head:?}");
        let mut client = client.into_tls(kit.trusting(&[]), "localhost");
        client.exchange(&kit.request("/a")).assert_is(&content);
        client.exchange(&kit.request("/a")).assert_is(&content);
    }
}

/// A head of any version, as the client got it.
fn head_of(client: &mut Client) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(client.read_raw(&mut byte).unwrap(), 1);
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_handshake_in_the_same_packet_as_the_request_is_not_lost() {
    let kit = Kit::new(&["localhost"]);
    kit.publish("/a", 1000);
    let cache = kit.start();
    let name = "localhost".try_into().unwrap();
    let mut session = ClientConnection::new(Arc::clone(&kit.trusting(&[])), name).unwrap();
    let place = kit.place();
    let mut packet = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n").into_bytes();
    session.write_tls(&mut packet).unwrap();
    let mut stream = TcpStream::connect(cache.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&packet).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    let mut tls = rustls::StreamOwned::new(session, stream);
    tls.write_all(&kit.request("/a").bytes()).unwrap();
    let mut answer = [0; 12];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn plain_http_inside_a_tunnel_is_cached_like_any_other() {
    let (kit, origin) = (Kit::new(&[]), Origin::start());
    let content = Content::seeded(5, 2000);
    origin.route(
        "/a",
        Reply::ok(content.clone()).field("Cache-Control", "max-age=60"),
    );
    let cache = kit.start();
    let place = format!("localhost:{}", origin.address().port());
    for _ in 0..2 {
        let mut client = cache.client();
        assert_eq!(client.connect_tunnel(&place).status(), 200);
        let request = Request::get("/a").without("Host").field("Host", &place);
        client.exchange(&request).assert_is(&content);
        client.exchange(&request).assert_is(&content);
    }
    assert_eq!(origin.hits("/a"), 1);
    assert!(outcomes(&cache, "plain") >= 2.0);
}

#[test]
fn other_protocols_pass_although_the_host_is_intercepted() {
    let kit = Kit::new(&["localhost"]);
    let cache = kit.start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("localhost:{}", listener.local_addr().unwrap().port());
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&place).status(), 200);
    client.send(b"SSH-2.0-test\r\n");
    let (mut origin, _) = listener.accept().unwrap();
    origin.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut greeting = [0; 14];
    origin.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-2.0-test\r\n");
    origin.write_all(b"SSH-2.0-origin\r\n").unwrap();
    let mut answer = [0; 16];
    let mut read = 0;
    while read < answer.len() {
        read += client.read_raw(&mut answer[read..]).unwrap();
    }
    assert_eq!(&answer, b"SSH-2.0-origin\r\n");
}

#[test]
fn an_origin_that_speaks_first_is_heard_after_a_while() {
    let kit = Kit::new(&["localhost"]);
    let cache = kit.start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("localhost:{}", listener.local_addr().unwrap().port());
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&place).status(), 200);
    let (mut origin, _) = listener.accept().unwrap();
    origin.write_all(b"220 ready\r\n").unwrap();
    let mut answer = [0; 3];
    assert!(client.read_raw(&mut answer).unwrap() > 0);
}
