//! What is inside a tunnel that ends here: TLS, plain HTTP, or neither. The first byte tells.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, uri::Authority};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    time::timeout,
};

use super::rewound::Rewound;

/// How long a client may be silent before its tunnel is taken for one in which the origin speaks first.
const LOOK: Duration = Duration::from_secs(5);

/// A stream of bytes, both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<I: AsyncRead + AsyncWrite + Unpin + Send> Stream for I {}

/// The inside of a tunnel: a connection with requests for one origin.
pub struct Inside {
    /// The connection.
    pub io: Box<dyn Stream>,
    /// Whether HTTP/2 was agreed on.
    pub is_http2: bool,
    /// `https` inside TLS, else `http`.
    pub scheme: &'static str,
    /// The host and port of the CONNECT.
    pub authority: Authority,
    /// The client.
    pub peer: SocketAddr,
    /// What was known of the CONNECT, such as who made it.
    pub extensions: Extensions,
}

/// Serves the inside of a tunnel until it ends.
pub type Serve = Arc<dyn Fn(Inside) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A request extension: it came out of a tunnel, so that no further tunnel may begin with it.
#[derive(Clone, Copy, Debug)]
pub struct Inner;

/// The client's side of a tunnel, its first bytes not lost.
pub(super) type ClientSide = Rewound<TokioIo<Upgraded>>;

/// What a client begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// A handshake record of TLS.
    Tls,
    /// A request of HTTP/1.
    Http,
    /// Something else, or nothing before the deadline.
    Other,
}

/// The first byte of a handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Looks at what the client begins with.
///
/// # Errors
/// When the client is gone.
pub(super) async fn look(mut client: TokioIo<Upgraded>) -> io::Result<(First, ClientSide)> {
    let mut first = [0; 1024];
    let count = match timeout(LOOK, client.read(&mut first)).await {
        Ok(read) => read?,
        Err(_) => return Ok((First::Other, Rewound::new(Bytes::new(), client))),
    };
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let before = Bytes::copy_from_slice(&first[..count]);
    Ok((first_of(&before), Rewound::new(before, client)))
}

/// A request line begins with a method and a space; `SSH-2.0` does not.
fn first_of(bytes: &[u8]) -> First {
    let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    match bytes.first() {
        Some(&HANDSHAKE) => First::Tls,
        Some(_) if method == b"PRI" => First::Other,
        Some(_) if method.iter().all(u8::is_ascii_uppercase) => First::Http,
        _ => First::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_client_speaks() {
        assert_eq!(first_of(b"\x16\x03\x01"), First::Tls);
        assert_eq!(first_of(b"GET / HTTP/1.1\r\n"), First::Http);
        assert_eq!(first_of(b"PROPFI"), First::Http);
        for other in [
            &b"SSH-2.0-x"[..],
            b"PRI * HTTP/2.0",
            b"\0\0",
            b"hello there",
        ] {
            assert_eq!(first_of(other), First::Other, "{other:?}");
        }
    }
}
