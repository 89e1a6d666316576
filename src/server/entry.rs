//! The ways onto a connection: accepted by a listener, or inside something else that was. From here on it
//! is one of [`Connection`]'s protocols.

use std::net::SocketAddr;

use artifact_cache_layers::body::BoxError;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::{
    Accepted, Limits, Stack,
    connection::Connection,
    http2::Own,
    opening::{Opened, Opening},
};

/// The version of HTTP that a client speaks on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Serves an accepted connection from its first byte on, until it closes.
pub(super) async fn serve<S: Stack>(
    opening: Opening,
    (stream, peer): Accepted,
    stack: S,
    limits: Limits,
    stop: CancellationToken,
) {
    limits.observe.opened(peer);
    let failure = match open(&opening, (stream, peer), &limits, &stop).await {
        None => None,
        Some((opened, client)) => {
            let connection = Connection::new(client, &limits, &stop);
            serve_opened(opened, connection, stack).await.err()
        }
    };
    limits.observe.closed(peer, failure.as_ref());
}

/// `None` when there is nothing to serve. The future of the handshake is large and soon over, hence
/// the box.
async fn open(
    opening: &Opening,
    accepted: Accepted,
    limits: &Limits,
    stop: &CancellationToken,
) -> Option<(Opened, SocketAddr)> {
    let peer = accepted.1;
    let opened = tokio::select! {
        () = stop.cancelled() => return None,
        opened = Box::pin(opening.open(accepted, limits)) => opened,
    };
    match opened {
        Ok(opened) => {
            if let Opened::Tls(stream) | Opened::TlsHttp2(stream) = &opened.0 {
                let kind = stream.get_ref().1.handshake_kind();
                limits
                    .observe
                    .shook_hands(kind == Some(HandshakeKind::Resumed));
            }
            Some(opened)
        }
        Err(error) => {
            limits.observe.not_opened(peer, &error);
            None
        }
    }
}

async fn serve_opened<S: Stack>(
    opened: Opened,
    connection: Connection,
    stack: S,
) -> Result<(), BoxError> {
    match opened {
        Opened::Tcp(stream) => connection.serve_tcp(stream, stack).await,
        Opened::Tls(stream) => connection.serve_bytes(stream, stack).await,
        Opened::TcpHttp2(stream) => {
            let own = Own {
                server_name: None,
                address: stream.local_addr().ok(),
            };
            connection.serve_http2(stream, stack, own).await
        }
        Opened::TlsHttp2(stream) => {
            let (socket, session) = stream.get_ref();
            let own = Own {
                server_name: session.server_name().map(str::to_owned),
                address: socket.local_addr().ok(),
            };
            connection.serve_http2(stream, stack, own).await
        }
    }
}

/// Serves any byte stream as HTTP/1.1: every body leaves as bytes.
pub async fn serve_plain<I, S>(
    (io, peer): (I, SocketAddr),
    stack: S,
    limits: Limits,
    stop: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    limits.observe.opened(peer);
    let connection = Connection::new(peer, &limits, &stop.child_token());
    let failure = connection.serve_bytes(io, stack).await.err();
    limits.observe.closed(peer, failure.as_ref());
}

/// Serves the inside of a connection that is accounted for already, such as a tunnel's. Every request
/// is for others: nothing on it is ours by its name.
///
/// # Errors
/// When the connection did not end well.
pub async fn serve_inside<I, S>(
    (io, peer): (I, SocketAddr),
    protocol: Protocol,
    stack: S,
    limits: &Limits,
    stop: &CancellationToken,
) -> Result<(), BoxError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    let connection = Connection::new(peer, limits, &stop.child_token());
    match protocol {
        Protocol::Http1 => connection.serve_bytes(io, stack).await,
        Protocol::Http2 => connection.serve_http2(io, stack, Own::nothing()).await,
    }
}
