//! A response whose head came and whose body is read step by step.

use std::{
    io,
    time::{Duration, Instant},
};

use artifact_cache_layers::digest::Sha256;
use sha2::Digest as _;

use super::{
    Client, Response,
    response::{End, Head, field},
};

/// A response under way. Dropping it leaves the rest of the body unread on the connection.
pub(crate) struct Incoming<'a> {
    client: &'a mut Client,
    pub(crate) head: Head,
    framing: Framing,
    started: Instant,
    head_after: Duration,
    first_byte_after: Option<Duration>,
    kept: Vec<u8>,
    length: u64,
    hasher: sha2::Sha256,
    trailers: Vec<(String, String)>,
}

enum Framing {
    /// So many bytes to come.
    Length(u64),
    /// So many bytes to come in the current chunk; `None` before the first chunk.
    Chunk(Option<u64>),
    Close,
    /// The body is over, for this reason.
    Over(End),
}

impl<'a> Incoming<'a> {
    pub(super) fn new(client: &'a mut Client, head: Head, method: &str, started: Instant) -> Self {
        Self {
            framing: Framing::of(&head, method),
            client,
            head,
            started,
            head_after: started.elapsed(),
            first_byte_after: None,
            kept: Vec::new(),
            length: 0,
            hasher: sha2::Sha256::new(),
            trailers: Vec::new(),
        }
    }

    /// How many body bytes were read so far.
    pub(crate) fn received(&self) -> u64 {
        self.length
    }

    /// Reads until `total` body bytes were received in all; `false` when the body ended before.
    pub(crate) fn read_to(&mut self, total: u64) -> bool {
        while self.length < total {
            if !self.step(total - self.length) {
                return false;
            }
        }
        true
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self) -> Response {
        while self.step(u64::MAX) {}
        let Framing::Over(end) = self.framing else {
            unreachable!("a step fails only when the body is over")
        };
        Response {
            head: self.head,
            kept: self.kept,
            length: self.length,
            sha256: Sha256::from(<[u8; 32]>::from(self.hasher.finalize())),
            trailers: self.trailers,
            end,
            head_after: self.head_after,
            first_byte_after: self.first_byte_after,
            took: self.started.elapsed(),
        }
    }

    /// Takes one step; `false` when the body is over.
    fn step(&mut self, at_most: u64) -> bool {
        let result = match self.framing {
            Framing::Over(_) => return false,
            Framing::Length(0) => Ok(Framing::Over(End::Length)),
            Framing::Length(left) => {
                let read = self.data(left.min(at_most));
                read.map(|read| Framing::Length(left - read))
            }
            Framing::Chunk(Some(left @ 1..)) => {
                let read = self.data(left.min(at_most));
                read.map(|read| Framing::Chunk(Some(left - read)))
            }
            Framing::Chunk(after) => self.next_chunk(after.is_some()),
            Framing::Close => match self.data(at_most) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Ok(Framing::Over(End::Close))
                }
                read => read.map(|_| Framing::Close),
            },
        };
        let missing = match self.framing {
            Framing::Length(left) => Some(left),
            _ => None,
        };
        self.framing = result.unwrap_or_else(|error| Framing::Over(End::of(&error, missing)));
        true
    }

    /// Moves up to `at_most` bytes of body from the connection to what is known of it.
    fn data(&mut self, at_most: u64) -> io::Result<u64> {
        if self.client.buffer.is_empty() {
            self.client.more()?;
        }
        let size = usize::try_from(at_most).unwrap_or(usize::MAX);
        let size = size.min(self.client.buffer.len());
        let piece = &self.client.buffer[..size];
        self.hasher.update(piece);
        let room = Response::KEPT - self.kept.len();
        self.kept.extend_from_slice(&piece[..size.min(room)]);
        self.client.buffer.drain(..size);
        self.first_byte_after.get_or_insert(self.started.elapsed());
        self.length += size as u64;
        Ok(size as u64)
    }

    /// Reads what stands between two chunks, and the end.
    fn next_chunk(&mut self, after_data: bool) -> io::Result<Framing> {
        if after_data && !self.line()?.is_empty() {
            return Err(io::Error::other("chunk data without its CRLF"));
        }
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default();
        let is_hex = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| is_hex);
        match size {
            None => Err(io::Error::other(format!("the chunk size {line:?}"))),
            Some(0) => self.trailer_section(),
            Some(size) => Ok(Framing::Chunk(Some(size))),
        }
    }

    fn trailer_section(&mut self) -> io::Result<Framing> {
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Framing::Over(End::LastChunk));
            }
            self.trailers.push(field(&line).map_err(io::Error::other)?);
        }
    }

    /// Reads a line that ends with CRLF.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let buffer = &mut self.client.buffer;
            if let Some(at) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n");
                let line = line.ok_or_else(|| io::Error::other("a bare LF"))?;
                return String::from_utf8(line.to_vec()).map_err(io::Error::other);
            }
            if buffer.len() > 64 << 10 {
                return Err(io::Error::other("a line without end"));
            }
            self.client.more()?;
        }
    }
}

impl Framing {
    /// RFC 9112 §6.3, with nothing forgiven.
    fn of(head: &Head, method: &str) -> Self {
        let is_tunnel = method == "CONNECT" && (200..300).contains(&head.status);
        if is_tunnel || method == "HEAD" || matches!(head.status, 100..200 | 204 | 304) {
            return Self::Over(End::NoBody);
        }
        let lengths = head.values("content-length");
        let codings = head.values("transfer-encoding");
        match (&*lengths, &*codings) {
            ([], []) => Self::Close,
            ([], ["chunked"]) => Self::Chunk(None),
            ([length], []) => match length.parse() {
                Ok(value) if !length.starts_with('+') => Self::Length(value),
                _ => Self::Over(End::BadFraming(format!("Content-Length: {length}"))),
            },
            _ => Self::Over(End::BadFraming(format!("{lengths:?} and {codings:?}"))),
        }
    }
}
