//! The PROXY protocol, versions 1 and 2: who the client of a load balancer is.
//!
//! "The receiver MUST be configured to only receive the protocol described in this specification and
//! MUST not try to guess whether the protocol header is present or not."

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// The longest header of version 1, CRLF included.
const LONGEST_LINE: usize = 107;
/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest body of version 2 that is accepted: addresses and a few extensions.
const LONGEST_BODY: usize = 4096;

/// A connection from a load balancer does not begin as it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the load balancer's connection does not begin with a PROXY protocol header")]
pub(super) struct NoHeader;

/// Reads the header and nothing behind it. `None` when the balancer speaks for itself, as in its own
/// health checks. The caller bounds the wait.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first == SIGNATURE[..1] {
        binary(stream).await
    } else {
        line(&text(stream).await?)
    }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, NoHeader)
}

/// The line of version 1. It ends within [`LONGEST_LINE`] bytes, and no byte behind it is taken.
async fn text(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(LONGEST_LINE);
    let mut seen = [0; LONGEST_LINE];
    while line.last() != Some(&b'\n') {
        let room = LONGEST_LINE - line.len();
        let count = stream.peek(&mut seen[..room]).await?;
        let end = seen[..count].iter().position(|byte| *byte == b'\n');
        let take = end.map_or(count, |end| end + 1);
        let begins = b"PROXY ".iter().zip(line.iter().chain(&seen[..take]));
        if take == 0 || begins.clone().any(|(expected, byte)| expected != byte) {
            return Err(invalid());
        }
        stream.read_exact(&mut seen[..take]).await?;
        line.extend_from_slice(&seen[..take]);
    }
    Ok(line)
}

/// `PROXY TCP4 source destination source-port destination-port`, or `PROXY UNKNOWN` and anything.
fn line(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let text = line.strip_suffix(b"\r\n").ok_or_else(invalid)?;
    let text = str::from_utf8(text).map_err(|_| invalid())?;
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family, source, _, port, _] => {
            let address: IpAddr = source.parse().map_err(|_| invalid())?;
            let port = port.parse().map_err(|_| invalid())?;
            let is_family = family == if address.is_ipv4() { "TCP4" } else { "TCP6" };
            is_family
                .then_some(Some(SocketAddr::new(address, port)))
                .ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

async fn binary(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if head[..12] != *SIGNATURE || head[12] >> 4 != 2 || length > LONGEST_BODY {
        return Err(invalid());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    source(head[12] & 0xf, head[13] >> 4, &body)
}

/// Command 0 is the balancer's own connection, 1 one of a client's; family 1 is IPv4, 2 is IPv6, and
/// others have no address that we could use.
fn source(command: u8, family: u8, body: &[u8]) -> io::Result<Option<SocketAddr>> {
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match (command, family) {
        (1, 1) if body.len() >= 12 => {
            let address: [u8; 4] = body[..4].try_into().map_err(|_| invalid())?;
            Ok(Some((Ipv4Addr::from(address), port(8)).into()))
        }
        (1, 2) if body.len() >= 36 => {
            let address: [u8; 16] = body[..16].try_into().map_err(|_| invalid())?;
            Ok(Some((Ipv6Addr::from(address), port(32)).into()))
        }
        (1, 1 | 2) | (2.., _) => Err(invalid()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_client() {
        let source = |text: &str| line(text.as_bytes()).map_err(|error| error.kind());
        let client = "192.0.2.7:5000".parse().unwrap();
        assert_eq!(
            source("PROXY TCP4 192.0.2.7 10.0.0.1 5000 443\r\n"),
            Ok(Some(client))
        );
        let client = "[2001:db8::1]:1".parse().unwrap();
        assert_eq!(
            source("PROXY TCP6 2001:db8::1 ::1 1 443\r\n"),
            Ok(Some(client))
        );
        assert_eq!(source("PROXY UNKNOWN\r\n"), Ok(None));
        for bad in [
            "PROXY TCP4 192.0.2.7 10.0.0.1 5000 443\n",
            "PROXY TCP6 192.0.2.7 10.0.0.1 5000 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 99999 443\r\n",
            "PROXY TCP4 example.com 10.0.0.1 1 443\r\n",
            "PROXY\r\n",
            "GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(source(bad), Err(io::ErrorKind::InvalidData), "{bad:?}");
        }
    }

    #[test]
    fn a_binary_header_names_the_client() {
        let body = [[192, 0, 2, 7], [10, 0, 0, 1], [0x13, 0x88, 1, 187]].concat();
        let client = "192.0.2.7:5000".parse().unwrap();
        assert_eq!(source(1, 1, &body).unwrap(), Some(client));
        assert_eq!(source(0, 1, &body).unwrap(), None);
        assert_eq!(source(1, 3, &[]).unwrap(), None);
        assert!(source(1, 2, &body).is_err());
        assert!(source(5, 1, &body).is_err());
    }
}
