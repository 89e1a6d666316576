//! A raw-bytes HTTP/1 client that says exactly how a response ended.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Ending, PATIENCE, Socket};

mod incoming;
mod response;

pub(crate) use incoming::Incoming;
pub(crate) use response::{End, Head, Response};

/// Where the bytes of a request line and its fields come from when a test does not write them itself.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with a `Host` for the target's authority if the target is absolute, else for `localhost`.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let authority = target.split("://").nth(1).and_then(|t| t.split('/').next());
        let request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
        };
        request.field("Host", authority.unwrap_or("localhost"))
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Adds a field line.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves out the lines of a field.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields
            .retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// Adds field lines.
    pub(crate) fn fields(self, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        fields.fold(self, |request, (name, value)| request.field(name, value))
    }

    /// Sets the body and its Content-Length.
    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self {
            body,
            ..self.field("Content-Length", &length)
        }
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            write!(bytes, "{name}: {value}\r\n").expect("a string takes everything");
        }
        [bytes.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// One connection. Every wait on it is bounded by [`PATIENCE`] unless a test says otherwise.
pub(crate) struct Client {
    socket: Box<dyn Socket>,
    stream: TcpStream,
    /// Bytes received and not yet read as part of a response.
    buffer: Vec<u8>,
    sent_at: Instant,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("something listens")
    }

    /// A connection, unless nothing listens.
    pub(crate) fn try_connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Some(Self {
            socket: Box::new(stream.try_clone().unwrap()),
            stream,
            buffer: Vec::new(),
            sent_at: Instant::now(),
        })
    }

    /// Goes on inside TLS, as after a CONNECT or on an https listener.
    pub(crate) fn into_tls(mut self, config: Arc<ClientConfig>, name: &'static str) -> Self {
        let session = ClientConnection::new(config, name.try_into().unwrap()).unwrap();
        let stream = self.stream.try_clone().unwrap();
        self.socket = Box::new(StreamOwned::new(session, stream));
        self
    }

    /// Changes how long a read may wait: a short bound shows that nothing comes.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        self
    }

    /// Makes the kernel take no more than about this many bytes that were not read: a slow reader that is felt.
    pub(crate) fn with_receive_buffer(self, bytes: usize) -> Self {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, bytes).unwrap();
        self
    }

    /// Sends these bytes, be they a request or not. A peer that no longer listens shows in what is read next.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.sent_at = Instant::now();
        let sent = self
            .socket
            .write_all(bytes)
            .and_then(|()| self.socket.flush());
        sent.unwrap_or_default();
    }

    /// Sends a request and reads the whole response; the body is digested, and kept if it is small.
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.send(&request.bytes());
        self.response(&request.method)
    }

    /// Sends a request and reads the head of the response only.
    pub(crate) fn start(&mut self, request: &Request) -> Result<Incoming<'_>, Box<Response>> {
        self.send(&request.bytes());
        self.head(&request.method)
    }

    /// Reads the next response, of a request with this method.
    pub(crate) fn response(&mut self, method: &str) -> Response {
        match self.head(method) {
            Ok(incoming) => incoming.finish(),
            Err(failed) => *failed,
        }
    }

    /// Reads the next head; informational ones (1xx but 101) are passed over. A failed head is a response without status.
    pub(crate) fn head(&mut self, method: &str) -> Result<Incoming<'_>, Box<Response>> {
        let started = self.sent_at;
        loop {
            let head = match self.head_bytes() {
                Ok(bytes) => Head::parse(&bytes),
                Err(error) => return Err(Response::failed(End::of(&error, None), started)),
            };
            match head {
                Err(fault) => return Err(Response::failed(End::BadFraming(fault), started)),
                Ok(head) if (100..200).contains(&head.status) && head.status != 101 => {}
                Ok(head) => return Ok(Incoming::new(self, head, method, started)),
            }
        }
    }

    /// Asks for a tunnel; the client stands inside it when the answer is 2xx.
    pub(crate) fn connect_tunnel(&mut self, authority: &str) -> Response {
        let line = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        self.send(line.as_bytes());
        self.response("CONNECT")
    }

    /// Reads bytes as they come: inside a tunnel, or to look at what is not HTTP. 0 is the end.
    pub(crate) fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            return self.socket.read(buffer);
        }
        let size = buffer.len().min(self.buffer.len());
        buffer[..size].copy_from_slice(&self.buffer[..size]);
        self.buffer.drain(..size);
        Ok(size)
    }

    /// Whether the peer ends the connection without sending anything more.
    pub(crate) fn is_ended_by_peer(&mut self) -> bool {
        match self.read_raw(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Ends our side this way and keeps reading.
    pub(crate) fn end(&self, ending: Ending) {
        ending.apply(&self.stream);
    }

    fn head_bytes(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(self.buffer.drain(..at + 4).collect());
            }
            self.more()?;
        }
    }

    /// Receives at least one more byte into the buffer.
    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        let read = self.socket.read(&mut piece).map_err(without_goodbye)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }
}

/// An end of TLS without `close_notify` is a cut (RFC 8446 §6.1), unlike the end of a plain connection.
fn without_goodbye(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::ErrorKind::ConnectionAborted.into(),
        _ => error,
    }
}
