//! What is inside of a tunnel is cached like plain requests, by the same rules.

use artifact_cache_layers::digest::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::support::*;
use crate::support::{
    cache::fetch_path,
    client::Request,
    origin::{Content, Reply},
};

#[test]
fn the_second_client_is_served_from_the_store_and_a_cut_origin_is_not_missed() {
    let mut kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a.tgz", 3 << 20);
    let cache = kit.start();
    let first = kit.get(&cache, "/a.tgz");
    first.assert_is(&content);
    assert!(
        first
            .value("cache-status")
            .unwrap()
            .contains("fwd=uri-miss")
    );
    let second = kit.get(&cache, "/a.tgz");
    second.assert_is(&content);
    assert!(
        second.value("cache-status").unwrap().contains("hit"),
        "{:?}",
        second.head
    );
    assert_eq!(kit.origin.hits("/a.tgz"), 1);
    kit.origin.stop();
    for _ in 0..3 {
        kit.get(&cache, "/a.tgz").assert_is(&content);
    }
    assert!(outcomes(&cache, "tls") >= 5.0);
    // One artifact, whichever door asks for it.
    cache
        .exchange(&Request::get(&fetch_path(&kit.origin.url("/a.tgz"))))
        .assert_is(&content);
}

#[test]
fn a_connection_inside_is_kept_for_further_requests_and_every_form() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 1 << 20);
    let cache = kit.start();
    let mut client = kit.client(&cache);
    client.exchange(&kit.request("/a")).assert_is(&content);
    client.exchange(&kit.request("/a")).assert_is(&content);
    let part = client.exchange(&kit.request("/a").field("Range", "bytes=10-19"));
    assert_eq!((part.status(), part.length), (206, 10));
    let same = client.exchange(&kit.request("/a").field("If-None-Match", "\"1\""));
    assert_eq!(same.status(), 304);
    client
        .exchange(&kit.request(&kit.origin.url("/a")))
        .assert_is(&content);
    assert_eq!(client.exchange(&kit.request("/absent")).status(), 404);
    assert_eq!(kit.origin.hits("/a"), 1);
}

#[test]
fn what_is_private_stays_so() {
    let kit = Kit::new(&["localhost"]);
    let fields = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
    kit.origin.script("/mine", |request, _| {
        let who = request
            .value("authorization")
            .unwrap_or("nobody")
            .to_owned();
        Reply::ok(Content::literal(who)).field("Cache-Control", "max-age=60")
    });
    kit.origin.route(
        "/no-store",
        Reply::ok(Content::literal("x")).field("Cache-Control", "no-store"),
    );
    let cache = kit.start();
    for field in fields {
        let response = kit
            .client(&cache)
            .exchange(&kit.request("/mine").fields(&[field]));
        assert_eq!(response.text(), field.1);
    }
    for _ in 0..2 {
        assert_eq!(kit.get(&cache, "/no-store").status(), 200);
    }
    assert_eq!(kit.origin.hits("/no-store"), 2);
}

#[test]
fn the_routes_of_the_cache_are_not_inside() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/health", 10);
    let cache = kit.start();
    kit.get(&cache, "/health").assert_is(&content);
    let fetch = fetch_path("http://127.0.0.1:9/x");
    assert_eq!(kit.get(&cache, &fetch).status(), 404);
    assert!(kit.origin.hits("/fetch") >= 1);
    let mut client = kit.client(&cache);
    client.send(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let nested = client.response("CONNECT");
    assert_eq!(
        (nested.status(), &*nested.head.reason),
        (400, "CONNECT inside a tunnel")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_offered_inside_and_carries_many_requests() {
    let kit = Kit::new(&["localhost"]);
    let content = kit.publish("/a", 2 << 20);
    let cache = kit.start();
    let mut stream = TcpStream::connect(cache.address()).await.unwrap();
    let place = kit.place();
    let head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let connector = TlsConnector::from(kit.trusting(&["h2", "http/1.1"]));
    let stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = Http2::over(stream).await;
    for _ in 0..3 {
        let (status, body) = client.get(&format!("https://{place}/a")).await;
        assert_eq!(
            (status, Sha256::of(&body).to_string()),
            (200, content.sha256().to_string())
        );
    }
    assert_eq!(client.get("https://other.example/a").await.0, 421);
    assert_eq!(kit.origin.hits("/a"), 1);
}
