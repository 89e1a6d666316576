//! `Asked`: what a CONNECT asks for.

use std::net::SocketAddr;

use artifact_cache_layers::semantics::target_uri::TargetUri;
use http::Uri;
use tokio::sync::OwnedSemaphorePermit;

use crate::pace::Pace;

/// What a CONNECT asks for, once it is allowed.
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) peer: SocketAddr,
    pub(super) permit: OwnedSemaphorePermit,
    /// What the client may be sent.
    pub(super) pace: Option<Pace>,
}

impl Asked {
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The authority of the request as the one URL parser reads it, so that the host that is checked is
/// the host that is dialled; `Host` is not looked at (old clients send none).
pub(super) fn authority(target: &Uri) -> Option<TargetUri> {
    let authority = target.authority()?;
    let port = authority.port_u16()?;
    // "A client MUST send only the host and port of the tunnel destination" (RFC 9112 §3.2.3).
    if authority.as_str().contains('@') || target.scheme().is_some() {
        return None;
    }
    format!("https://{}:{port}/", authority.host()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Option<(String, u16)> {
        let uri = authority(&uri.parse().unwrap())?;
        Some((uri.host().to_owned(), uri.port()))
    }

    #[test]
    fn hosts_are_read_as_they_are_dialled() {
        for (uri, host) in [
            ("EXAMPLE.com:443", "example.com"),
            ("[::1]:443", "[::1]"),
            ("[::ffff:127.0.0.1]:443", "[::ffff:7f00:1]"),
            ("2130706433:443", "127.0.0.1"),
            ("0x7f.1:443", "127.0.0.1"),
        ] {
            assert_eq!(read(uri), Some((host.to_owned(), 443)), "{uri}");
        }
    }

    #[test]
    fn a_target_without_port_or_with_a_user_is_no_authority() {
        for uri in [
            "example.com",
            "user@example.com:443",
            "/path",
            "https://example.com:443/",
        ] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }
}
