//! What is refused, and how the client is told.

use std::time::Duration;

use artifact_cache::{
    config::{self},
    proxy::Refusal,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::support::*;
use crate::support::cache::Cache;

/// What a refused CONNECT is answered with; the client's bytes behind it come to nothing.
async fn refusal(proxy: &Proxy, target: &str) -> String {
    let head = format!("CONNECT {target} HTTP/1.1\r\nhost: x\r\n\r\n\u{16}tls");
    let (mut stream, answer) = proxy.ask(&head).await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    let mut body = Vec::new();
    // Unread bytes of the client turn the close into a reset on some kernels.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut body))
        .await
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&body).contains("HTTP/1.1"),
        "{target}"
    );
    answer
}

#[tokio::test]
async fn a_refusal_says_why_in_the_status_line_and_closes() {
    let closed = origin().await.1.to_string();
    let proxy = Proxy::start(&settings());
    for (target, line) in [
        ("127.0.0.1:25", "403 CONNECT to port 25 is not allowed"),
        ("127.0.0.9:4433", "403 127.0.0.9 is off limits"),
        (
            "[::ffff:127.0.0.9]:4433",
            "403 ::ffff:127.0.0.9 is off limits",
        ),
        ("0x7f.9:4433", "403 127.0.0.9 is off limits"),
        ("denied.example:4433", "403 denied.example is off limits"),
        (
            "nowhere.invalid:4433",
            "502 the origin's name could not be resolved",
        ),
        (&*closed, "502 the origin could not be connected to"),
        ("user@127.0.0.1:4433", "400 CONNECT needs a host and a port"),
    ] {
        let answer = refusal(&proxy, target).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {line}\r\n")),
            "{target}: {answer}"
        );
    }
    let refused = proxy.refused.lock().unwrap();
    assert_eq!(refused.len(), 8);
    assert!(matches!(*refused[0], Refusal::Port(25)));
}

#[tokio::test]
async fn a_destination_that_does_not_answer_costs_the_deadline() {
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = silent.listen(0).unwrap();
    let address = silent.local_addr().unwrap();
    // A full backlog drops what comes next without a word.
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let proxy = Proxy::start(&settings());
    let (_, answer) = proxy
        .ask(&format!("CONNECT {address} HTTP/1.1\r\nhost: x\r\n\r\n"))
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 504 the origin could not be connected to in time\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn tunnels_over_the_limit_are_refused_until_one_ends() {
    let one = config::proxy::Proxy {
        max_tunnels: 1,
        ..settings()
    };
    let mut proxy = Proxy::start(&one);
    let (listener, address) = origin().await;
    let first = proxy.connect(address).await;
    let origin = accept(&listener).await;
    let head = format!("CONNECT {address} HTTP/1.1\r\nhost: x\r\n\r\n");
    let (_, answer) = proxy.ask(&head).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 too many tunnels are open\r\n"),
        "{answer}"
    );
    assert!(answer.contains("retry-after: 1\r\n"));
    drop((first, origin));
    proxy.end().await;
    proxy.connect(address).await;
}

#[test]
fn a_target_that_is_no_authority_is_refused_at_once() {
    let cache = Cache::start();
    for target in [
        "example.com",
        "example.com:",
        ":443",
        "example.com:0",
        "example.com:65536",
        "example.com:-1",
        "example.com:443/path",
        "https://example.com:443/",
        "/path",
        "*",
        "[::1",
        "[::1]",
        "a b:443",
        "%00:443",
        "",
    ] {
        let mut client = cache.client();
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let status = client.response("GET").status();
        assert!([400, 403].contains(&status), "{target:?}: {status}");
        assert!(client.is_ended_by_peer(), "{target:?}");
    }
    let long = format!("{}:443", "a".repeat(10_000));
    assert_eq!(cache.client().connect_tunnel(&long).status(), 414);
}
