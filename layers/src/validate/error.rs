//! Why a request is refused. Owns the reasons, and which status and connection handling each asks for.

use std::fmt;

use http::StatusCode;

/// A request that must not be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The request target is longer than `limit` bytes.
    TargetTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The request line and the fields together are larger than `limit` bytes.
    HeadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more than `limit` fields.
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// The request target holds a byte that RFC 3986 does not allow.
    TargetSyntax,
    /// `Host` is not what RFC 9112 §3.2 demands.
    Host(HostFault),
    /// `Transfer-Encoding` is there, and is not `chunked` alone in an HTTP/1.1 request.
    TransferEncoding,
    /// `Transfer-Encoding` and `Content-Length` are both there.
    AmbiguousLength,
    /// `Content-Length` is not a number, or not the same number each time.
    ContentLength,
    /// `Via` names us: the request was here before (RFC 9110 §7.6.3).
    Loop {
        /// The name that was found.
        pseudonym: String,
    },
    /// `TRACE` would reflect a request with its secrets.
    Trace,
    /// `Expect` asks for something other than `100-continue`.
    Expectation,
    /// `Max-Forwards` is not a number.
    MaxForwards,
}

/// What is wrong with `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostFault {
    /// An HTTP/1.1 request without it.
    Missing,
    /// More than one.
    Repeated,
    /// Not `uri-host [ ":" port ]`.
    Invalid,
    /// In HTTP/2, another authority than the request's own (RFC 9113 §8.3.1).
    Differs,
}

impl InvalidRequest {
    /// The methods for the `Allow` field of the answer to [`InvalidRequest::Trace`].
    pub const ALLOW: &'static str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT";

    /// The status that the RFCs give to this refusal.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TargetTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge { .. } | Self::TooManyFields { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Loop { .. } => StatusCode::LOOP_DETECTED,
            Self::Trace => StatusCode::METHOD_NOT_ALLOWED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the connection must be closed after the answer: where the request ends, or for whom it
    /// was, is in doubt, and the bytes behind it with it. Refusals of a clear request keep it open.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        !matches!(
            self,
            Self::Loop { .. } | Self::Trace | Self::Expectation | Self::MaxForwards
        )
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetTooLong { limit } => {
                write!(f, "the request target is longer than {limit} bytes")
            }
            Self::HeadTooLarge { limit } => {
                write!(f, "the request head is larger than {limit} bytes")
            }
            Self::TooManyFields { limit } => write!(f, "there are more than {limit} fields"),
            Self::TargetSyntax => {
                f.write_str("the request target holds a byte that must be percent-encoded")
            }
            Self::Host(fault) => fault.fmt(f),
            Self::TransferEncoding => {
                f.write_str("the only transfer coding accepted is `chunked`, in HTTP/1.1")
            }
            Self::AmbiguousLength => {
                f.write_str("`Transfer-Encoding` and `Content-Length` exclude each other")
            }
            Self::ContentLength => f.write_str("`Content-Length` is not one number"),
            Self::Loop { pseudonym } => write!(f, "the request came through {pseudonym} before"),
            Self::Trace => f.write_str("TRACE is not allowed"),
            Self::Expectation => f.write_str("only the expectation `100-continue` can be met"),
            Self::MaxForwards => f.write_str("`Max-Forwards` is not a number"),
        }
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "`Host` is missing",
            Self::Repeated => "`Host` is there more than once",
            Self::Invalid => "`Host` is not a host with an optional port",
            Self::Differs => "`Host` names another authority than the request",
        })
    }
}

impl std::error::Error for InvalidRequest {}
