//! Origins behind TLS.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use artifact_cache::{
    config::{self, units::Span},
    upstream::{BadRedirect, Reason, Roots, Upstreams},
};
use artifact_cache_layers::cause::cause_of;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::support::*;

/// A certificate for `localhost`: what an origin shows, and what a client trusts.
fn certificate() -> (TlsAcceptor, Roots) {
    let issued = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let roots = Roots::none().and(issued.cert.der().clone()).unwrap();
    (TlsAcceptor::from(Arc::new(tls)), roots)
}

#[tokio::test]
async fn https_needs_a_trusted_certificate_for_the_name() {
    let (tls, roots) = certificate();
    let origin = Origin::with(Some(tls), |_, _| answer(HELLO)).await;
    let port = origin.address.port();
    let trusting =
        |roots| Upstreams::with_roots(&settings(), Arc::new(Rule::default()), roots).unwrap();
    let response = get(
        &trusting(roots.clone()),
        &format!("https://localhost:{port}/"),
    )
    .await;
    assert_eq!(read(response.unwrap()).await.unwrap(), "hello");
    for (roots, host) in [(Roots::none(), "localhost"), (roots, "127.0.0.1")] {
        let error = get(&trusting(roots), &format!("https://{host}:{port}/"))
            .await
            .unwrap_err();
        assert_eq!(failure(&error).reason, Reason::Tls, "{host}: {error:?}");
    }
}

#[tokio::test]
async fn https_does_not_lead_to_http_and_must_end_with_a_close() {
    let (tls, roots) = certificate();
    let origin = Origin::with(Some(tls), |head, _| match head.split(' ').nth(1) {
        Some("/down") => {
            answer("HTTP/1.1 302 F\r\nlocation: http://localhost/\r\ncontent-length: 0\r\n\r\n")
        }
        _ => Act::Close(b"HTTP/1.1 200 OK\r\n\r\nuntil closed".to_vec()),
    })
    .await;
    let uri = |path| format!("https://localhost:{}{path}", origin.address.port());
    let upstreams = Upstreams::with_roots(&settings(), Arc::new(Rule::default()), roots).unwrap();
    let error = get(&upstreams, &uri("/down")).await.unwrap_err();
    assert_eq!(
        cause_of::<BadRedirect>(&*error),
        Some(&BadRedirect::Downgrade)
    );
    let response = get(&upstreams, &uri("/whole")).await.unwrap();
    assert_eq!(read(response).await.unwrap(), "until closed");
}

#[tokio::test]
async fn a_silent_handshake_costs_the_deadline_of_the_connection() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = config::upstream::Upstream {
        connect_timeout: Span(Duration::from_millis(300)),
        max_retries: 0,
        ..settings()
    };
    let uri = format!("https://{}/", silent.local_addr().unwrap());
    let begin = Instant::now();
    let error = get(&upstreams(&settings), &uri).await.unwrap_err();
    assert_eq!(failure(&error).reason, Reason::ConnectTimeout);
    assert!(begin.elapsed() < Duration::from_secs(5));
}
