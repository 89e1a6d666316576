//! Limits of a connection, and how it ends in good order.

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use artifact_cache::{
    config::{self, units::Span},
    server::{Limits, RequestStalled},
};
use artifact_cache_layers::{body::Body, cause::cause_of};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::service_fn;

use super::{client::*, support::*};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_that_takes_some_bytes_gets_them_all() {
    let (file, bytes) = noise(1 << 20);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let mut settings = settings();
    settings.write_timeout = Span(Duration::from_millis(400));
    // The body is in the kernel long before it is read: an idle close must not lose it.
    settings.header_timeout = Span(Duration::from_millis(100));
    let server = Running::start(listener(), Limits::new(&settings), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        client.send("GET /file/0/1048576/1048576 HTTP/1.1\r\nhost: cache.example\r\n\r\n");
        client.head().unwrap();
        let mut body = Vec::new();
        let mut part = vec![0; 64 << 10];
        while body.len() < bytes.len() {
            std::thread::sleep(Duration::from_millis(50));
            let count = client.reader.read(&mut part).unwrap();
            assert!(count > 0);
            body.extend_from_slice(&part[..count]);
        }
        assert_eq!(digest(&body), digest(&bytes));
        assert_eq!(client.rest().unwrap(), b"", "closed in good order");
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_idle_connections_at_once_and_lets_a_response_end() {
    let (file, bytes) = noise(4 << 20);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(tight_listener(), Limits::new(&settings()), files);
    let (address, stop) = (server.address, server.lifetime.stop.clone());
    let stopped = blocking(move || {
        let (mut idle, mut busy) = (Client::new(address), Client::new(address));
        idle.get("/memory/0/10/0").unwrap();
        busy.send("GET /file/0/4194304/4194304 HTTP/1.1\r\nhost: cache.example\r\n\r\n");
        assert!(busy.head().unwrap().contains("200 OK"));
        stop.cancel();
        assert_eq!(idle.rest().unwrap(), b"");
        assert_eq!(digest(&busy.rest().unwrap()), digest(&bytes));
    });
    stopped.await;
    server.drained().await;
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_over_the_limit_waits_until_another_ends() {
    let (file, bytes) = noise(10);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let mut settings = settings();
    settings.max_connections = 1;
    let server = Running::start(listener(), Limits::new(&settings), files);
    let address = server.address;
    blocking(move || {
        let mut first = Client::new(address);
        assert_eq!(first.get("/file/0/10/10").unwrap().body, bytes);
        let mut second = Client::new(address);
        second.send("GET /file/0/10/10 HTTP/1.1\r\nhost: cache.example\r\n\r\n");
        let short = Some(Duration::from_millis(200));
        second.reader.get_ref().set_read_timeout(short).unwrap();
        assert!(
            second.head().is_err(),
            "not served while the first is there"
        );
        drop(first);
        second
            .reader
            .get_ref()
            .set_read_timeout(Some(PATIENCE))
            .unwrap();
        assert_eq!(second.answer(true).unwrap().body, bytes);
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_slow_heads_are_closed_and_large_ones_refused() {
    let (file, _) = noise(10);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let mut settings = settings();
    settings.header_timeout = Span(Duration::from_millis(200));
    settings.max_head = config::units::Size(16 << 10);
    let server = Running::start(listener(), Limits::new(&settings), files);
    let address = server.address;
    blocking(move || {
        for start in ["", "GET / HT", "GET /file/0/1/1 HTTP/1.1\r\nho"] {
            let mut client = Client::new(address);
            client.send(start);
            assert_eq!(client.rest().unwrap(), b"", "after {start:?}");
        }
        let mut client = Client::new(address);
        let field = "x".repeat(20 << 10);
        client.send(&format!(
            "GET / HTTP/1.1\r\nhost: a\r\nlong: {field}\r\n\r\n"
        ));
        assert!(client.head().unwrap().starts_with("HTTP/1.1 431 "));
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_is_told_who_asks() {
    let (file, _) = noise(1);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let own = client.reader.get_ref().local_addr().unwrap();
        assert_eq!(
            client.get("/peer").unwrap().body,
            own.to_string().as_bytes()
        );
    })
    .await;
    server.drained().await;
}

/// Answers with the digest of the request body, or 408 when it stalled.
async fn digested(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(match request.into_body().collect().await {
        Ok(body) => Response::new(Body::from(digest(&body.to_bytes()).to_vec())),
        Err(error) => {
            assert_eq!(cause_of(&*error), Some(&RequestStalled));
            Response::builder().status(408).body(Body::empty()).unwrap()
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_arrives_whole_and_one_that_stalls_fails() {
    let (_, bytes) = noise(3_000_000);
    let mut settings = settings();
    settings.header_timeout = Span(Duration::from_millis(500));
    let limits = Limits::new(&settings);
    let server = Running::with(listener(), limits, service_fn(digested));
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let head = "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n";
        client.send(head);
        client.reader.get_mut().write_all(&bytes).unwrap();
        assert_eq!(client.answer(true).unwrap().body, digest(&bytes));
        client.send(head);
        client.send("some of it");
        assert!(client.head().unwrap().starts_with("HTTP/1.1 408 "));
    })
    .await;
    server.drained().await;
}
