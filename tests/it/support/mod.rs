//! The test kit: a scripted origin, a breakable link, a strict client and the product itself, all on real sockets.
#![allow(dead_code, reason = "each promise uses a part of the kit")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test the panic is the report"
)]

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, ServerConnection, StreamOwned};

pub(crate) mod cache;
pub(crate) mod chaos;
pub(crate) mod client;
pub(crate) mod origin;
pub(crate) mod refusing;
pub(crate) mod s3;
pub(crate) mod socks;
pub(crate) mod trace;

/// The bound of every wait in the kit. It is never reached when things work, so it may be generous.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, plain or inside TLS.
pub(crate) trait Socket: Read + Write + Send {
    /// Says inside the connection that nothing more will come, where the protocol has a word for it.
    fn say_goodbye(&mut self) {}
}

impl Socket for TcpStream {}

impl Socket for StreamOwned<ClientConnection, TcpStream> {}

impl Socket for StreamOwned<ServerConnection, TcpStream> {
    fn say_goodbye(&mut self) {
        self.conn.send_close_notify();
        // The peer may be gone, which ends the connection as well.
        self.flush().ok();
    }
}

/// How a peer ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// FIN: an orderly end after the last byte.
    Fin,
    /// RST: bytes under way are lost.
    Reset,
}

impl Ending {
    /// Ends our side of the connection this way, at once, whoever else holds a descriptor of it.
    ///
    /// The peer may have been faster; then there is nothing left to end.
    pub(crate) fn apply(self, stream: &TcpStream) {
        match self {
            Self::Fin => stream.shutdown(Shutdown::Write).unwrap_or_default(),
            // Linux aborts a connection that is connected to no address (AF_UNSPEC).
            Self::Reset => rustix::net::connect_unspec(stream).unwrap_or_default(),
        }
    }
}

/// Waits until `condition` holds and panics with `what` when it does not within [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    eventually_some(what, || condition().then_some(()));
}

/// Waits until `value` is there, returns it, and panics with `what` when it is not within [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually_some<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = value() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        // The condition decides; this only keeps the core free for whoever makes it true.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 §2.3), as a query value needs it.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}
