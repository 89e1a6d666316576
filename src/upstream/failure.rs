//! `UpstreamFailure`: why an origin could not be asked, or why its answer cannot be used.

use std::{fmt, io, time::Duration};

use artifact_cache_layers::{body::BoxError, cause::cause_of};

/// Kinds of failure, as metrics and errors name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The name has no address.
    Dns,
    /// No address could be connected to.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// No connection was made before the deadline.
    ConnectTimeout,
    /// The origin was silent until the deadline.
    Timeout,
    /// The origin closed the connection before its response was complete.
    Reset,
    /// The response breaks the rules of HTTP, or its redirects those of this cache.
    Invalid,
    /// The origin failed too often lately and is left alone.
    CircuitOpen,
    /// The origin is asked too often: by its own word, or by a setting.
    Throttled,
    /// `upstream.mode` is `offline`.
    Offline,
    /// `upstream.mode` is `sealed`.
    Sealed,
}

/// An origin did not answer, or not usably.
#[derive(Debug)]
pub struct UpstreamFailure {
    /// What happened.
    pub reason: Reason,
    /// When it makes sense to ask again, as far as that is known.
    pub retry_after: Option<Duration>,
    /// What led to it.
    pub source: Option<BoxError>,
}

impl Reason {
    /// The reason as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::ConnectTimeout | Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Invalid => "invalid",
            Self::CircuitOpen => "circuit_open",
            Self::Throttled => "throttled",
            Self::Offline => "offline",
            Self::Sealed => "sealed",
        }
    }

    /// Whether the origin could not be reached at all, or kept silent until the deadline: then asking
    /// it for anything else is in vain too.
    pub(super) const fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Connect | Self::ConnectTimeout | Self::Tls | Self::Timeout
        )
    }

    /// Whether no origin was to be asked.
    #[must_use]
    pub const fn is_withheld(self) -> bool {
        matches!(self, Self::Offline | Self::Sealed)
    }

    /// Whether asking the same origin again may go better. A certificate stays wrong.
    pub(super) const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Connect | Self::ConnectTimeout | Self::Reset | Self::Timeout
        )
    }
}

impl UpstreamFailure {
    /// A failure with nothing known behind it.
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry_after: None,
            source: None,
        }
    }

    /// A failure that has a cause.
    pub(crate) fn caused(reason: Reason, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(reason)
        }
    }

    /// What the pool's error means. An error of the guard inside it comes back as it is.
    pub(super) fn of(error: hyper_util::client::legacy::Error) -> BoxError {
        if let Some(failure) = cause_of::<Self>(&error) {
            return Self::caused(failure.reason, error).into();
        }
        if error.is_connect() {
            return error.into();
        }
        let reason = cause_of::<hyper::Error>(&error).map_or(Reason::Reset, reason_of);
        Self::caused(reason, error).into()
    }
}

/// What hyper's error means, for heads and for bodies.
pub(super) fn reason_of(error: &hyper::Error) -> Reason {
    let cut_off = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    let malformed = cause_of::<io::Error>(error).is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        )
    });
    if error.is_timeout() {
        Reason::Timeout
    } else if !cut_off && (malformed || error.is_parse() || error.is_parse_too_large()) {
        Reason::Invalid
    } else {
        Reason::Reset
    }
}

impl fmt::Display for UpstreamFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Dns => "the origin's name could not be resolved",
            Reason::Connect => "the origin could not be connected to",
            Reason::Tls => "the TLS handshake with the origin failed",
            Reason::ConnectTimeout => "the origin could not be connected to in time",
            Reason::Timeout => "the origin did not answer in time",
            Reason::Reset => "the origin closed the connection too early",
            Reason::Invalid => "the origin's response is not valid",
            Reason::CircuitOpen => "the origin failed too often lately",
            Reason::Throttled => "the origin is asked too often",
            Reason::Offline => "no origin is asked: `upstream.mode` is `offline`",
            Reason::Sealed => "no origin is asked: `upstream.mode` is `sealed`",
        })
    }
}

impl std::error::Error for UpstreamFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
