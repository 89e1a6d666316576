//! `Parent`: a proxy between us and origins, and how a connection through it comes about. A parent that
//! the configuration names is reached whatever its address; where it leads is its own affair, so the
//! target is checked by name before.

mod connect;
mod credentials;
mod socks;

use std::{path::Path, sync::Arc};

use artifact_cache_layers::body::BoxError;
use http::HeaderValue;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

pub(super) use self::credentials::{Credentials, secret};
use super::{Link, Reason, UpstreamFailure};

/// A proxy that requests go through.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    protocol: Protocol,
    pub(super) host: String,
    pub(super) port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Https,
    Socks5,
}

/// The parent refused to lead us further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the parent proxy answered CONNECT with {0}")]
    Status(String),
    #[error("the parent proxy does not speak HTTP")]
    NoHttp,
    #[error("the parent proxy does not speak SOCKS 5")]
    NoSocks,
    #[error("the parent proxy wants credentials, or others")]
    Credentials,
    #[error("the parent proxy cannot reach the origin: {0}")]
    Socks(&'static str),
    #[error("the host name is too long for SOCKS 5")]
    LongName,
}

impl Parent {
    /// The proxy of a checked URL, with the credentials in a file.
    pub(super) fn new(url: &str, credentials: Option<&Path>) -> Result<Self, BoxError> {
        let url = Url::parse(url)?;
        let (protocol, port) = match url.scheme() {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Https, 443),
            _ => (Protocol::Socks5, 1080),
        };
        Ok(Self {
            protocol,
            host: url.host_str().ok_or("a proxy without a host")?.to_owned(),
            port: url.port().unwrap_or(port),
            credentials: credentials.map(Credentials::read).transpose()?,
        })
    }

    /// Whether it forwards requests in absolute form, so that it can cache what we ask for.
    pub(super) fn forwards(&self, scheme: &str) -> bool {
        scheme == "http" && self.protocol != Protocol::Socks5
    }

    /// The value of `Proxy-Authorization` for requests in absolute form.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.credentials.as_ref().map(Credentials::basic)
    }

    /// Speaks TLS with the proxy where its URL says so.
    pub(super) async fn secured(
        &self,
        stream: TcpStream,
        tls: &Arc<ClientConfig>,
    ) -> Result<Link, BoxError> {
        if self.protocol != Protocol::Https {
            return Ok(Link::Plain(stream));
        }
        let bare = self.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare)?;
        let secured = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await;
        let secured = secured.map_err(|error| UpstreamFailure::caused(Reason::Tls, error))?;
        Ok(Link::Tls(Box::new(secured)))
    }

    /// Has the proxy connect us with `host`.
    pub(super) async fn lead(
        &self,
        mut link: Link,
        host: &str,
        port: u16,
    ) -> Result<Link, BoxError> {
        let credentials = self.credentials.as_ref();
        let led = match self.protocol {
            Protocol::Socks5 => socks::connect(&mut link, (host, port), credentials).await,
            _ => connect::connect(&mut link, (host, port), credentials).await,
        };
        led.map_err(|error| UpstreamFailure::caused(Reason::Connect, error))?;
        Ok(link)
    }
}
