//! SOCKS 5 as a client (RFC 1928, RFC 1929). Names are sent as names: the proxy looks them up.

use std::net::IpAddr;

use artifact_cache_layers::body::BoxError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Credentials, Refused};
use crate::upstream::Link;

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks for a connection to host and port.
pub(super) async fn connect(
    link: &mut Link,
    (host, port): (&str, u16),
    credentials: Option<&Credentials>,
) -> Result<(), BoxError> {
    let method = credentials.map_or(NO_CREDENTIALS, |_| USER_AND_PASSWORD);
    send(link, &[VERSION, 1, method]).await?;
    let [version, chosen] = receive(link).await?;
    match (version == VERSION, chosen == method, credentials) {
        (false, ..) => return Err(Refused::NoSocks.into()),
        (_, false, _) => return Err(Refused::Credentials.into()),
        (.., Some(credentials)) => introduce(link, credentials).await?,
        (.., None) => {}
    }
    let mut request = vec![VERSION, CONNECT, 0];
    request.extend(address(host)?);
    request.extend(port.to_be_bytes());
    send(link, &request).await?;
    answer(link).await
}

/// RFC 1929 §2.
async fn introduce(link: &mut Link, credentials: &Credentials) -> Result<(), BoxError> {
    let mut request = vec![1];
    for part in [&credentials.user, &credentials.password] {
        request.push(u8::try_from(part.len())?);
        request.extend(part.as_bytes());
    }
    send(link, &request).await?;
    let [_, status] = receive(link).await?;
    if status == 0 {
        Ok(())
    } else {
        Err(Refused::Credentials.into())
    }
}

fn address(host: &str) -> Result<Vec<u8>, Refused> {
    let bare = host.trim_matches(['[', ']']);
    Ok(match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => [&[IPV4][..], &address.octets()].concat(),
        Ok(IpAddr::V6(address)) => [&[IPV6][..], &address.octets()].concat(),
        Err(_) => {
            let length = u8::try_from(host.len()).map_err(|_| Refused::LongName)?;
            [&[NAME, length][..], host.as_bytes()].concat()
        }
    })
}

/// Reads the reply with the address that it ends with, which says nothing to us.
async fn answer(link: &mut Link) -> Result<(), BoxError> {
    let [version, reply, _, kind] = receive(link).await?;
    if version != VERSION {
        return Err(Refused::NoSocks.into());
    }
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(link.read_u8().await?),
        _ => return Err(Refused::NoSocks.into()),
    };
    let mut bound = vec![0; length + 2];
    link.read_exact(&mut bound).await?;
    match reason(reply) {
        None => Ok(()),
        Some(reason) => Err(Refused::Socks(reason).into()),
    }
}

/// RFC 1928 §6.
const fn reason(reply: u8) -> Option<&'static str> {
    Some(match reply {
        0 => return None,
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        _ => "a failure of its own",
    })
}

async fn send(link: &mut Link, bytes: &[u8]) -> std::io::Result<()> {
    link.write_all(bytes).await?;
    link.flush().await
}

async fn receive<const N: usize>(link: &mut Link) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    link.read_exact(&mut bytes).await?;
    Ok(bytes)
}
