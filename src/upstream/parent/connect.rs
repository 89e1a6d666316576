//! CONNECT as a client (RFC 9110 §9.3.6): a tunnel through an HTTP proxy.

use std::io;

use artifact_cache_layers::body::BoxError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Credentials, Refused};
use crate::upstream::Link;

/// The longest head of an answer, in bytes.
const LONGEST: usize = 16 << 10;

/// Asks for a tunnel to host and port, and reads exactly the head of the answer: what follows is the
/// origin's.
pub(super) async fn connect(
    link: &mut Link,
    (host, port): (&str, u16),
    credentials: Option<&Credentials>,
) -> Result<(), BoxError> {
    let authority = format!("{host}:{port}");
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(credentials) = credentials {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(credentials.basic().as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    link.write_all(&head).await?;
    link.flush().await?;
    judge(&answer(link).await?)?;
    Ok(())
}

async fn answer(link: &mut Link) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST {
        head.push(link.read_u8().await?);
    }
    Ok(head)
}

/// "Any 2xx (Successful) response indicates that the sender (and all inbound proxies) will switch to
/// tunnel mode immediately after the response header section".
fn judge(head: &[u8]) -> Result<(), Refused> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().next().unwrap_or_default();
    let rest = line.strip_prefix("HTTP/1.").ok_or(Refused::NoHttp)?;
    let status = rest.split(' ').nth(1).unwrap_or_default();
    match status.parse::<u16>() {
        Ok(200..=299) => Ok(()),
        Ok(407) => Err(Refused::Credentials),
        Ok(_) => {
            let plain = line.chars().filter(|char| !char.is_control());
            Err(Refused::Status(
                plain.skip("HTTP/1.1 ".len()).take(100).collect(),
            ))
        }
        Err(_) => Err(Refused::NoHttp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_is_a_tunnel() {
        for head in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 204 x\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
        ] {
            assert!(judge(head.as_bytes()).is_ok(), "{head}");
        }
        for (head, said) in [
            (
                "HTTP/1.1 403 No\u{1b}[m way\r\n\r\n",
                "CONNECT with 403 No[m way",
            ),
            ("HTTP/1.1 407 x\r\n\r\n", "credentials"),
            ("SSH-2.0\r\n\r\n", "HTTP"),
            ("", "HTTP"),
            ("HTTP/1.1\r\n\r\n", "HTTP"),
        ] {
            let error = judge(head.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
