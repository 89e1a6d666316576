//! One request and its response on a raw connection, as cheaply as a client can: bodies are dropped in the kernel.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use rustix::net::{RecvFlags, recv};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::origin::Object;

/// The bound of every exchange: far beyond what any scenario takes.
const PATIENCE: Duration = Duration::from_mins(5);
/// How much one call drops at most.
const DROPPED: usize = 4 << 20;
/// How much one call decrypts at most.
const DECRYPTED: usize = 64 << 10;

/// What the response must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) length: u64,
}

/// When a response came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
}

/// How a connection begins, before its first request.
#[derive(Clone)]
pub(super) enum Way {
    /// With nothing.
    Plain,
    /// With a handshake for `localhost`.
    Tls(TlsConnector),
    /// With a CONNECT to this address.
    Tunnel(SocketAddr),
}

/// The bytes of a connection.
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    async fn open(address: SocketAddr, way: &Way) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(match way {
            Way::Plain => Self::Tcp(stream),
            Way::Tls(connector) => {
                let name = "localhost".try_into().map_err(io::Error::other)?;
                Self::Tls(Box::new(connector.connect(name, stream).await?))
            }
            Way::Tunnel(origin) => {
                let head = format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                let mut answer = Vec::new();
                while !answer.ends_with(b"\r\n\r\n") {
                    answer.push(stream.read_u8().await?);
                }
                Self::Tcp(stream)
            }
        })
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => stream.write_all(bytes).await,
        }
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    /// Takes up to as many bytes as `nowhere` is long, and forgets them.
    async fn forget(&mut self, nowhere: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => {
                let stream = &*stream;
                let dropped = stream.async_io(Interest::READABLE, || {
                    let (_, dropped) = recv(stream, &mut *nowhere, RecvFlags::TRUNC)?;
                    Ok(dropped)
                });
                dropped.await
            }
            Self::Tls(stream) => {
                let size = nowhere.len().min(DECRYPTED);
                stream.read(&mut nowhere[..size]).await
            }
        }
    }
}

/// A keep-alive connection.
pub(super) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
    /// Never written to: it only tells the kernel how much may be dropped.
    nowhere: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr, way: &Way) -> io::Result<Self> {
        Ok(Self {
            stream: Stream::open(address, way).await?,
            buffer: vec![0; 32 << 10],
            nowhere: vec![0; DROPPED],
        })
    }

    /// Sends the request and drops the body; `received` hears of every piece of it.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        expected: Expected,
        received: impl Fn(u64),
    ) -> io::Result<Times> {
        let whole = async {
            self.stream.write_all(request).await?;
            let mut came = self.head(expected).await?.len() as u64;
            received(came);
            let mut first_byte = Instant::now();
            while came < expected.length {
                let piece = self.drop_some(expected.length - came).await?;
                if came == 0 {
                    first_byte = Instant::now();
                }
                received(piece);
                came += piece;
            }
            Ok(Times {
                first_byte,
                last_byte: Instant::now(),
            })
        };
        timeout(PATIENCE, whole).await?
    }

    /// Sends the request and compares every byte of the body with the object's.
    pub(super) async fn verify(&mut self, request: &[u8], object: &Object) -> io::Result<()> {
        let expected = Expected {
            status: 200,
            length: object.size,
        };
        self.stream.write_all(request).await?;
        let body = timeout(PATIENCE, self.head(expected)).await??;
        let mut piece = self.buffer[body].to_vec();
        let mut came = 0;
        loop {
            if !object.has(came, &piece) {
                return Err(io::Error::other(format!("wrong bytes from {came} on")));
            }
            came += piece.len() as u64;
            if came == object.size {
                return Ok(());
            }
            piece.resize(256 << 10, 0);
            let read = timeout(PATIENCE, self.stream.read(&mut piece)).await??;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            piece.truncate(read);
        }
    }

    /// Reads the head, checks it, and says where in the buffer the bytes of the body lie that came with it.
    async fn head(&mut self, expected: Expected) -> io::Result<Range<usize>> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let so_far = &self.buffer[..filled];
            if let Some(end) = so_far.windows(4).position(|four| four == b"\r\n\r\n") {
                check(&so_far[..end + 2], expected)?;
                return Ok(end + 4..filled);
            }
        }
    }

    /// Lets the kernel drop up to `wanted` bytes (`MSG_TRUNC`, see tcp(7)) and returns how many it did.
    async fn drop_some(&mut self, wanted: u64) -> io::Result<u64> {
        let size = usize::try_from(wanted).unwrap_or(DROPPED).min(DROPPED);
        match self.stream.forget(&mut self.nowhere[..size]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            dropped => Ok(dropped as u64),
        }
    }
}

/// Checks status and length of a head without its blank line.
fn check(head: &[u8], expected: Expected) -> io::Result<()> {
    let text = str::from_utf8(head).map_err(io::Error::other)?;
    let status = text.get(9..12).and_then(|code| code.parse::<u16>().ok());
    let length = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<u64>().ok())?
    });
    if status == Some(expected.status) && length == Some(expected.length) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "expected {expected:?}, got {text}"
    )))
}
