//! `Opening`: what comes before HTTP on a new connection. The load balancer's header, the TLS handshake,
//! and which version of HTTP follows.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use artifact_cache_layers::body::BoxError;
use ipnet::IpNet;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;

use super::{Limits, Tls, proxy_protocol};

/// How the connections of a listener begin. Clones share everything.
#[derive(Clone, Default)]
pub(super) struct Opening {
    pub(super) tls: Option<Tls>,
    pub(super) balancers: Arc<[IpNet]>,
}

/// A connection on which the client's first request may come.
pub(super) enum Opened {
    /// HTTP/1.1 on TCP.
    Tcp(TcpStream),
    /// HTTP/2 on TCP, which the client knew of before.
    TcpHttp2(TcpStream),
    /// HTTP/1.1 inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// HTTP/2 inside TLS.
    TlsHttp2(Box<TlsStream<TcpStream>>),
}

/// A client did not come to its first request.
#[derive(Debug)]
pub struct NotOpened {
    /// Whether it was the TLS handshake that failed.
    pub in_handshake: bool,
    /// What happened.
    pub cause: BoxError,
}

/// The client said nothing before the deadline.
#[derive(Debug, thiserror::Error)]
#[error("silent for {0:?} after connecting")]
struct Silent(Duration);

impl Opening {
    /// Goes on until it is known what the client speaks, under deadlines. The address is the client's
    /// own where a load balancer names it.
    pub(super) async fn open(
        &self,
        (mut stream, peer): (TcpStream, SocketAddr),
        limits: &Limits,
    ) -> Result<(Opened, SocketAddr), NotOpened> {
        let limit = limits.header_timeout;
        let peer = if self.is_balancer(peer) {
            let header = within(limit, proxy_protocol::read(&mut stream)).await?;
            header.unwrap_or(peer)
        } else {
            peer
        };
        let opened = match &self.tls {
            Some(tls) => inside(Box::new(shake_hands(tls, stream).await?)),
            None if within(limit, knows_http2(&stream)).await? => Opened::TcpHttp2(stream),
            None => Opened::Tcp(stream),
        };
        Ok((opened, peer))
    }

    fn is_balancer(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        self.balancers.iter().any(|range| range.contains(&address))
    }
}

async fn within<T>(
    limit: Duration,
    wait: impl Future<Output = io::Result<T>>,
) -> Result<T, NotOpened> {
    let done = timeout(limit, wait).await;
    let done = done.map_err(|_| BoxError::from(Silent(limit)));
    let done = done.and_then(|done| done.map_err(Into::into));
    done.map_err(|cause| NotOpened {
        in_handshake: false,
        cause,
    })
}

async fn shake_hands(tls: &Tls, stream: TcpStream) -> Result<TlsStream<TcpStream>, NotOpened> {
    tls.accept(stream).await.map_err(|cause| NotOpened {
        in_handshake: true,
        cause,
    })
}

/// What was agreed on in the handshake (RFC 7301); without a word it is HTTP/1.1.
fn inside(stream: Box<TlsStream<TcpStream>>) -> Opened {
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Opened::TlsHttp2(stream),
        _ => Opened::Tls(stream),
    }
}

/// How the connection preface of HTTP/2 begins (RFC 9113 §3.4). No method of HTTP/1 does.
const PREFACE: &[u8] = b"PRI * HT";
/// How long a preface that came in pieces rests between two looks.
const REST: Duration = Duration::from_millis(5);

/// Whether the client begins with the preface of HTTP/2. What it sent stays unread.
async fn knows_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 || !PREFACE.starts_with(&seen[..count]) {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        // Peeking is ready at once while these bytes are there.
        sleep(REST).await;
    }
}
