//! [`Unavailable`]: what failed on the way to an origin, in one word.

/// What failed on the way to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// Its name could not be resolved.
    Dns,
    /// No connection: refused or unreachable.
    Connect,
    /// The TLS handshake or the certificate.
    Tls,
    /// No connection was made before the deadline.
    ConnectTimeout,
    /// The origin was silent until the deadline.
    Timeout,
    /// The connection broke before the head of a response.
    Reset,
    /// It failed so often that it is not asked at present.
    CircuitOpen,
    /// No origin is asked at present.
    Offline,
    /// No origin is ever asked.
    Sealed,
}

impl Unavailable {
    /// The word that clients and logs see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::ConnectTimeout | Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::CircuitOpen => "circuit_open",
            Self::Offline => "offline",
            Self::Sealed => "sealed",
        }
    }
}
