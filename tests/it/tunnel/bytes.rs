//! Bytes, ends and breaks of one side reach the other.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use artifact_cache::{
    config::{self, units::Span},
    proxy::{End, Traffic},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::support::*;

/// A server and a client that trust one fresh certificate for `localhost`.
fn tls() -> (TlsAcceptor, TlsConnector) {
    let issued = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let trusting = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server).into(), Arc::new(trusting).into())
}

#[tokio::test]
async fn bytes_behind_the_request_go_into_the_tunnel_and_both_ways() {
    let mut proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    let hello = "\u{16}client hello in the same packet";
    let head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n{hello}");
    let (mut client, answer) = proxy.ask(&head).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 Connection established\r\n"),
        "{answer}"
    );
    for field in ["content-length", "transfer-encoding"] {
        assert!(!answer.to_lowercase().contains(field), "{answer}");
    }
    let mut origin = accept(&listener).await;
    assert_eq!(read_exact(&mut origin, hello.len()).await, hello.as_bytes());
    origin.write_all(b"server hello").await.unwrap();
    assert_eq!(read_exact(&mut client, 12).await, b"server hello");
    drop(client);
    drop(origin);
    let (traffic, _) = proxy.end().await;
    let sent = hello.len() as u64;
    assert_eq!(traffic, Traffic { sent, received: 12 });
}

#[tokio::test]
async fn old_and_careless_clients_get_their_tunnel() {
    let proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    for head in [
        format!("CONNECT {address} HTTP/1.0\r\n\r\n"),
        format!("CONNECT {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        format!("CONNECT {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        format!("CONNECT {address} HTTP/1.1\r\nHost: x\r\nProxy-Connection: Keep-Alive\r\n\r\n"),
        format!(
            "CONNECT LOCALHOST:{} HTTP/1.1\r\nHost: x\r\n\r\n",
            address.port()
        ),
    ] {
        let (mut client, answer) = proxy.ask(&head).await;
        assert!(
            answer.split(' ').nth(1) == Some("200"),
            "{head:?}: {answer}"
        );
        let mut origin = accept(&listener).await;
        client.write_all(b"ping").await.unwrap();
        assert_eq!(read_exact(&mut origin, 4).await, b"ping");
        origin.write_all(b"pong").await.unwrap();
        assert_eq!(read_exact(&mut client, 4).await, b"pong", "{head:?}");
    }
}

#[tokio::test]
async fn tls_goes_through_end_to_end() {
    let proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    let (server, trusting) = tls();
    let origin = tokio::spawn(async move {
        let mut stream = server.accept(accept(&listener).await).await.unwrap();
        let mut request = [0; 9];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(&vec![b'x'; 5 << 20]).await.unwrap();
        stream.shutdown().await.unwrap();
        request
    });
    let name = "localhost".try_into().unwrap();
    let mut inside = trusting
        .connect(name, proxy.connect(address).await)
        .await
        .unwrap();
    inside.write_all(b"encrypted").await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, inside.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.len(), 5 << 20);
    assert_eq!(&origin.await.unwrap(), b"encrypted");
}

#[tokio::test]
async fn a_half_that_closes_is_passed_on_and_the_other_half_goes_on() {
    let mut proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    let mut client = proxy.connect(address).await;
    let mut origin = accept(&listener).await;
    client.write_all(b"all I have").await.unwrap();
    client.shutdown().await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, origin.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all, b"all I have");
    origin.write_all(b"thanks").await.unwrap();
    origin.shutdown().await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all, b"thanks");
    assert_eq!(proxy.end().await.1, End::Closed);
}

#[tokio::test]
async fn an_origin_that_breaks_off_breaks_the_tunnel() {
    let mut proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    let mut client = proxy.connect(address).await;
    let mut origin = accept(&listener).await;
    origin.write_all(b"half of").await.unwrap();
    assert_eq!(read_exact(&mut client, 7).await, b"half of");
    origin.set_zero_linger().unwrap();
    drop(origin);
    let error = timeout(PATIENCE, client.read_u8())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ConnectionReset,
        "never an orderly end"
    );
    assert_eq!(proxy.end().await.1, End::Broken);
}

#[tokio::test]
async fn a_tunnel_on_which_nothing_moves_ends() {
    let idle = config::proxy::Proxy {
        tunnel_idle_timeout: Span(Duration::from_secs(1)),
        ..settings()
    };
    let mut proxy = Proxy::start(&idle);
    let (listener, address) = origin().await;
    let mut client = proxy.connect(address).await;
    let mut origin = accept(&listener).await;
    // One direction that moves keeps both alive well beyond the limit.
    for _ in 0..8 {
        client.write_all(b"x").await.unwrap();
        read_exact(&mut origin, 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (traffic, end) = proxy.end().await;
    assert_eq!((traffic.sent, end), (8, End::Idle));
    for stream in [&mut client, &mut origin] {
        let read = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_shutdown_lets_tunnels_be_until_they_are_cut() {
    let mut proxy = Proxy::start(&settings());
    let (listener, address) = origin().await;
    let mut client = proxy.connect(address).await;
    let mut origin = accept(&listener).await;
    proxy.lifetime.stop.cancel();
    proxy.lifetime.connections.close();
    timeout(PATIENCE, proxy.lifetime.connections.wait())
        .await
        .unwrap();
    client.write_all(b"still").await.unwrap();
    assert_eq!(read_exact(&mut origin, 5).await, b"still");
    proxy.cut.cancel();
    proxy.tunnels.close();
    timeout(PATIENCE, proxy.tunnels.wait())
        .await
        .expect("every tunnel ends");
    assert_eq!(proxy.end().await.1, End::Cut);
    let read = timeout(PATIENCE, client.read_u8()).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
