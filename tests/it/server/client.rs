//! A client that reads what comes, byte for byte.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use super::support::PATIENCE;

/// A client that reads what comes, byte for byte.
pub(super) struct Client {
    pub(super) reader: BufReader<TcpStream>,
}

pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            reader: BufReader::with_capacity(1500, stream),
        }
    }

    pub(super) fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: cache.example\r\n\r\n"
        ));
        self.answer(true)
    }

    pub(super) fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(head)
    }

    pub(super) fn answer(&mut self, has_body: bool) -> io::Result<Answer> {
        let head = self.head()?;
        let body = if !has_body {
            Vec::new()
        } else if head.contains("transfer-encoding: chunked") {
            self.chunked()?
        } else if let Some(length) = field(&head, "content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            self.reader.read_exact(&mut body)?;
            body
        } else {
            let mut body = Vec::new();
            self.reader.read_to_end(&mut body)?;
            body
        };
        Ok(Answer { head, body })
    }

    pub(super) fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut size = String::new();
            self.reader.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16)
                .map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            let from = body.len();
            body.resize(from + size + 2, 0);
            self.reader.read_exact(&mut body[from..])?;
            assert_eq!(&body[from + size..], b"\r\n");
            body.truncate(from + size);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads whatever is still sent, until the server closes or resets.
    pub(super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).map(|_| rest)
    }
}

pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

impl Client {
    /// Asks, reads `count` bytes of the body, leaves, and tells the promised length.
    pub(super) fn send_and_count(&mut self, path: &str, count: usize) -> u64 {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: cache.example\r\n\r\n"
        ));
        let head = self.head().unwrap();
        let mut part = vec![1; count];
        self.reader.read_exact(&mut part).unwrap();
        assert!(part.iter().all(|byte| *byte == 0));
        self.reader
            .get_ref()
            .shutdown(std::net::Shutdown::Both)
            .unwrap();
        field(&head, "content-length").unwrap().parse().unwrap()
    }
}
