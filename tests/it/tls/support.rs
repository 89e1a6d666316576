//! A cache with an https listener, certificates on disk, and clients that speak HTTP/2.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::support::{
    PATIENCE,
    cache::{Cache, Setup},
    client::Client,
    origin::Authority,
};

/// An authority, and a directory with certificates of it.
pub(super) struct Certificates {
    pub(super) authority: Authority,
    pub(super) directory: TempDir,
}

impl Certificates {
    /// With one certificate, `default.crt`, for `localhost` and 127.0.0.1.
    pub(super) fn new() -> Self {
        let certificates = Self {
            authority: Authority::new(),
            directory: TempDir::new().unwrap(),
        };
        certificates.issue("default", &["localhost", "127.0.0.1"]);
        certificates
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a certificate and its key, in place of those of the same stem. The certificate moves in
    /// last, whole.
    pub(super) fn issue(&self, stem: &str, names: &[&str]) {
        let (certificate, key) = self.authority.issue(names);
        let at = |extension| self.path().join(format!("{stem}.{extension}"));
        fs::write(at("tmp"), certificate).unwrap();
        fs::write(at("key"), key).unwrap();
        fs::rename(at("tmp"), at("crt")).unwrap();
    }

    /// A cache with an https listener beside the main one.
    pub(super) fn setup(&self, more: &str) -> Setup {
        let directory = self.path().display();
        Cache::setup().config(&format!(
            "server: {{listeners: ['https://127.0.0.1:0']}}\ntls:\n  directory: {directory}\n{more}"
        ))
    }

    pub(super) fn start(&self) -> Cache {
        self.setup("").start()
    }

    /// A connection inside TLS, offering what the configuration offers.
    pub(super) fn client(&self, cache: &Cache) -> Client {
        let client = Client::connect(cache.listener("https"));
        client.into_tls(self.authority.client(), "localhost")
    }

    /// What a client that trusts the authority offers.
    pub(super) fn offering(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        offering(&self.authority.client(), protocols)
    }

    /// HTTP/2 inside TLS, asked for as `localhost`.
    pub(super) async fn http2(&self, cache: &Cache) -> Http2 {
        let stream = TcpStream::connect(cache.listener("https")).await.unwrap();
        let connector = TlsConnector::from(self.offering(&["h2"]));
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Http2::over(stream).await
    }
}

/// A client that trusts exactly the certificates of this PEM.
pub(crate) fn trusting(pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder
        .with_root_certificates(roots)
        .with_no_client_auth()
        .into()
}

/// The same configuration, offering these protocols.
pub(crate) fn offering(config: &ClientConfig, protocols: &[&str]) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config.into()
}

/// A connection of HTTP/2.
pub(crate) struct Http2 {
    pub(crate) requests: SendRequest<Empty<Bytes>>,
}

impl Http2 {
    pub(crate) async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io));
        let (requests, connection) = shaken.await.unwrap();
        tokio::spawn(connection);
        Self { requests }
    }

    /// Without TLS, on a listener that was not told so.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// GET of this URI: status and body.
    pub(crate) async fn get(&mut self, uri: &str) -> (u16, Bytes) {
        let request = http::Request::get(uri).body(Empty::new()).unwrap();
        let response = self.requests.send_request(request);
        let response = timeout(PATIENCE, response).await.unwrap().unwrap();
        let status = response.status().as_u16();
        let body = timeout(PATIENCE, response.into_body().collect()).await;
        (status, body.unwrap().unwrap().to_bytes())
    }
}

/// A bound that is short, but long enough that a busy machine keeps it.
pub(super) const SHORT: Duration = Duration::from_secs(2);
