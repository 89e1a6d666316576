//! Who gets which certificate, and what becomes of those who do not shake hands as they should.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, HandshakeKind,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::support::*;
use crate::support::{
    PATIENCE,
    cache::{Cache, fetch_path},
    client::{Client, Request},
    origin::{Authority, Content, Origin, Reply},
    refusing::assert_refused_at_start,
};

/// Shakes hands for `name`; the certificate and how it was done, or why not.
fn shake(
    cache: &Cache,
    config: &Arc<ClientConfig>,
    name: &'static str,
) -> std::io::Result<(CertificateDer<'static>, HandshakeKind)> {
    let mut stream = TcpStream::connect(cache.listener("https")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut session = ClientConnection::new(Arc::clone(config), name.try_into().unwrap()).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    session
        .writer()
        .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // Tickets come with the answer.
    rustls::Stream::new(&mut session, &mut stream).read_to_end(&mut answer)?;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    let certificate = session.peer_certificates().unwrap()[0].clone().into_owned();
    Ok((certificate, session.handshake_kind().unwrap()))
}

#[test]
fn an_https_listener_answers_like_the_main_one_in_both_versions_of_tls() {
    let (origin, certificates) = (Origin::start(), Certificates::new());
    let content = Content::seeded(1, 3 << 20);
    origin.route("/a", Reply::ok(content.clone()));
    let cache = certificates.start();
    let request = Request::get(&fetch_path(&origin.url("/a")));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = only(version, &certificates);
        let client = Client::connect(cache.listener("https"));
        client
            .into_tls(config, "localhost")
            .exchange(&request)
            .assert_is(&content);
    }
    cache.exchange(&request).assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
    crate::support::eventually("the handshakes are counted", || {
        cache.metric("artifact_cache_tls_handshakes_total{outcome=\"full\"}") >= 2.0
    });
}

/// A client of this version only.
fn only(
    version: &'static rustls::SupportedProtocolVersion,
    certificates: &Certificates,
) -> Arc<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = certificates.authority.pem();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
        .into()
}

#[test]
fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
    let certificates = Certificates::new();
    certificates.issue("one", &["one.example"]);
    certificates.issue("wide", &["*.two.example"]);
    let cache = certificates.start();
    let trusting = certificates.authority.client();
    for name in ["localhost", "one.example", "a.two.example"] {
        assert!(shake(&cache, &trusting, name).is_ok(), "{name}");
    }
    // The default certificate is for other names, which the client notices.
    assert!(shake(&cache, &trusting, "three.example").is_err());
    crate::support::eventually("the failure is counted", || {
        cache.metric("artifact_cache_tls_handshakes_total{outcome=\"failed\"}") >= 1.0
    });
}

#[test]
fn a_returning_client_resumes_its_session() {
    let certificates = Certificates::new();
    let cache = certificates.start();
    let trusting = certificates.authority.client();
    let (first, kind) = shake(&cache, &trusting, "localhost").unwrap();
    assert_ne!(kind, HandshakeKind::Resumed);
    let (again, kind) = shake(&cache, &trusting, "localhost").unwrap();
    assert_eq!((again, kind), (first, HandshakeKind::Resumed));
}

#[test]
fn only_clients_with_a_certificate_are_served_where_one_is_demanded() {
    let (certificates, people) = (Certificates::new(), Authority::new());
    let path = certificates.path().join("people.pem");
    std::fs::write(&path, people.pem()).unwrap();
    let more = format!("  client_ca: {}\n", path.display());
    let cache = certificates.setup(&more).start();
    assert!(shake(&cache, &certificates.authority.client(), "localhost").is_err());

    let with_certificate = |authority: &Authority| {
        let (certificate, key) = authority.issue(&["ann"]);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let pem = certificates.authority.pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(
            builder
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)
                .unwrap(),
        )
    };
    assert!(shake(&cache, &with_certificate(&people), "localhost").is_ok());
    assert!(shake(&cache, &with_certificate(&Authority::new()), "localhost").is_err());
}

#[test]
fn a_first_try_needs_no_certificate_of_ones_own() {
    let cache = Cache::setup().flags(&["--tls-self-signed"]).start();
    let stream = TcpStream::connect(cache.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = trusting(&Authority::new().pem());
    let session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let refused = rustls::StreamOwned::new(session, stream)
        .read(&mut [0])
        .unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

#[test]
fn plain_http_on_a_tls_port_is_told_so_at_once() {
    let certificates = Certificates::new();
    let cache = certificates.start();
    let mut client = Client::connect(cache.listener("https"));
    let response = client.exchange(&Request::get("/health"));
    assert_eq!(response.status(), 400);
    assert!(
        response.text().contains("speaks TLS"),
        "{}",
        response.text()
    );
    assert!(client.is_ended_by_peer());
}

#[test]
fn tls_on_a_plain_port_fails_at_once() {
    let certificates = Certificates::new();
    let cache = certificates.start();
    let mut stream = TcpStream::connect(cache.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = certificates.authority.client();
    let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let failed = session.complete_io(&mut stream).unwrap_err();
    // Told by an answer that is no TLS, not by a silence.
    assert_eq!(failed.kind(), std::io::ErrorKind::InvalidData, "{failed}");
}

#[test]
fn a_client_that_does_not_shake_hands_is_let_go() {
    let certificates = Certificates::new();
    let cache = certificates.setup("  handshake_timeout: 300ms\n").start();
    for beginning in [&b""[..], &[22, 3, 1, 0, 200, 1]] {
        let mut client = Client::connect(cache.listener("https"));
        client.send(beginning);
        assert!(client.is_ended_by_peer());
    }
    assert!(cache.metric("artifact_cache_tls_handshakes_total{outcome=\"failed\"}") >= 2.0);
}

#[test]
fn a_listener_without_a_certificate_is_refused_at_the_start() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().display();
    let nothing_there = format!("server: {{tls: true}}\ntls: {{directory: {path}}}\n");
    assert_refused_at_start(&[
        ("server: {tls: true}\n", "no certificate"),
        (&nothing_there, "no certificate with a key"),
        (
            "server: {listeners: [ftp://127.0.0.1:1]}\n",
            "is no listener",
        ),
    ]);
}
