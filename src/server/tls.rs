//! `Tls`: what a listener that speaks TLS shows its clients. It owns the server configuration of rustls,
//! its reload when files change, and the handshake with its deadline.

mod certificates;
mod files;
mod names;
mod self_signed;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use artifact_cache_layers::body::BoxError;
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{
        NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    version::{TLS12, TLS13},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::{certificates::Certificates, files::Stamp};
use crate::{
    clock::Clock,
    config::tls::{Tls as Settings, Version},
};

/// Both protocols of HTTP that a listener speaks inside TLS, the preferred one first.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificates and rules of the listeners that speak TLS. Clones share them and see every reload.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    settings: Settings,
    clock: Clock,
    config: ArcSwap<ServerConfig>,
    stamp: Mutex<Stamp>,
    tickets: Arc<dyn ProducesTickets>,
}

/// The settings of `tls` cannot be put to use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTls {
    /// A file or directory cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no usable PEM.
    #[error("{} is not usable PEM", path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate cannot be used, or its key is another one's.
    #[error("the certificate in {} cannot be used", path.display())]
    Certificate {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: BoxError,
    },
    /// No certificate was found.
    #[error("there is no certificate with a key in {}", path.display())]
    Nothing {
        /// Where.
        path: PathBuf,
    },
    /// The settings contradict each other or what TLS can do.
    #[error("cannot set up TLS")]
    Setup(#[source] BoxError),
}

/// The client did not shake hands in time.
#[derive(Debug, thiserror::Error)]
#[error("no TLS handshake within {0:?}")]
pub(super) struct HandshakeExpired(Duration);

/// A client that does not speak TLS came to a listener that does.
#[derive(Debug, thiserror::Error)]
#[error("the client speaks no TLS")]
pub(super) struct NotTls;

impl Tls {
    /// Reads certificates and keys as the settings say, on the spot.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn load(settings: &Settings, clock: &Clock) -> Result<Self, InvalidTls> {
        let tickets = tickets()?;
        let stamp = Stamp::of(settings);
        let config = configure(settings, clock, Arc::clone(&tickets))?;
        Ok(Self(Arc::new(Shared {
            settings: settings.clone(),
            clock: clock.clone(),
            config: ArcSwap::from_pointee(config),
            stamp: Mutex::new(stamp),
            tickets,
        })))
    }

    /// Reads everything again, and remembers what it saw even where it cannot be used. New connections get what was read, old ones go on. Tickets stay good,
    /// except where they stand for a client's certificate. It reads files on the spot.
    ///
    /// # Errors
    /// When a file cannot be read or used; nothing changes then.
    pub fn reload(&self) -> Result<(), InvalidTls> {
        let shared = &*self.0;
        let stamp = Stamp::of(&shared.settings);
        let tickets = match shared.settings.client_ca {
            Some(_) => tickets()?,
            None => Arc::clone(&shared.tickets),
        };
        *shared.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        let config = configure(&shared.settings, &shared.clock, tickets)?;
        shared.config.store(Arc::new(config));
        Ok(())
    }

    /// Whether a file changed since it was read. It asks the file system on the spot.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let stamp = Stamp::of(&self.0.settings);
        stamp != *self.0.stamp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shakes hands with a client, within the deadline.
    pub(super) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, BoxError> {
        let limit = self.0.settings.handshake_timeout.0;
        let shaking = async {
            if !speaks_tls(&stream).await? {
                refuse_plain(&stream);
                return Err(NotTls.into());
            }
            let acceptor = TlsAcceptor::from(self.0.config.load_full());
            Ok::<_, BoxError>(acceptor.accept(stream).await?)
        };
        timeout(limit, shaking)
            .await
            .unwrap_or_else(|_| Err(HandshakeExpired(limit).into()))
    }
}

/// The first byte of a handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// A client that closed without a word is left to the handshake, which reports it.
async fn speaks_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [HANDSHAKE];
    stream.peek(&mut first).await?;
    Ok(first[0] == HANDSHAKE)
}

/// Says in the client's own words what is wrong. A socket that takes no bytes now gets none.
fn refuse_plain(stream: &TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 400 This port speaks TLS\r\nconnection: close\r\n\
        content-type: text/plain; charset=utf-8\r\ncontent-length: 47\r\n\r\n\
        this port speaks TLS: use https:// to reach it\n";
    // The bytes of the request are read, since a close over unread ones resets the answer away.
    let mut request = [0; 4096];
    while matches!(stream.try_read(&mut request), Ok(read) if read > 0) {}
    let _ = stream.try_write(ANSWER);
}

fn tickets() -> Result<Arc<dyn ProducesTickets>, InvalidTls> {
    aws_lc_rs::Ticketer::new().map_err(|error| InvalidTls::Setup(error.into()))
}

fn configure(
    settings: &Settings,
    clock: &Clock,
    tickets: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, InvalidTls> {
    let certificates = Certificates::read(settings, clock)?;
    let setup = |error: rustls::Error| InvalidTls::Setup(error.into());
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions(settings.min_version))
        .map_err(setup)?;
    let builder = match client_verifier(settings)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    config.ticketer = tickets;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(config)
}

fn versions(least: Version) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match least {
        Version::Tls12 => &BOTH,
        Version::Tls13 => &BOTH[..1],
    }
}

fn client_verifier(settings: &Settings) -> Result<Option<Arc<dyn ClientCertVerifier>>, InvalidTls> {
    let Some(path) = &settings.client_ca else {
        return Ok(None);
    };
    let pem = |source| InvalidTls::Pem {
        path: path.clone(),
        source,
    };
    let unusable = |source: BoxError| InvalidTls::Certificate {
        path: path.clone(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(pem)? {
        let certificate = certificate.map_err(pem)?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.into()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map(Some).map_err(|error| unusable(error.into()))
}
