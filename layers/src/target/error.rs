//! Why a request line names no target. Owns the reasons and the sentences that help a client to fix
//! them; the product chooses status and form of the answer.

use std::{error::Error, fmt};

use crate::{digest::InvalidDigest, semantics::target_uri::InvalidTargetUri};

/// A request line that cannot be turned into a target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// A parameter that an explicit fetch needs is absent or empty.
    MissingParameter {
        /// Its name.
        parameter: &'static str,
    },
    /// A query name that an explicit fetch does not know.
    UnknownParameter {
        /// The name as received.
        parameter: String,
    },
    /// A parameter whose value cannot be used.
    InvalidParameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong with the value.
        fault: Fault,
    },
    /// An explicit fetch with a method other than GET and HEAD.
    MethodNotAllowed {
        /// The value for the `Allow` field.
        allow: &'static str,
    },
    /// A request target in absolute form that cannot be used.
    AbsoluteForm {
        /// What is wrong with it.
        fault: Fault,
    },
    /// A mirror's path with a name that is not configured.
    UnknownMirror,
    /// A request inside a tunnel that names another origin than the tunnel (RFC 9110 §7.4).
    Misdirected {
        /// The authority that the tunnel was opened for.
        tunnel: String,
    },
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The parameter is there more than once.
    Repeated,
    /// A `%` without two hexadecimal digits behind it.
    PercentEncoding,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// A control character, or white space at either end.
    ControlCharacter,
    /// A scheme other than `http` and `https`, or for an explicit fetch `s3`.
    Scheme(String),
    /// Not a target URI.
    Uri(InvalidTargetUri),
    /// Not a SHA-256 digest.
    Digest(InvalidDigest),
    /// The `sha256` parameter and the URL's fragment name different digests.
    ConflictingPins,
    /// Dot segments that lead out of a mirror's base URL.
    OutOfBase,
    /// A delivery mode that does not exist.
    Mode,
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingParameter { parameter } => {
                write!(f, "the query parameter `{parameter}` is missing or empty")
            }
            Self::UnknownParameter { parameter } => write!(
                f,
                "unknown query parameter `{parameter}`; if it belongs to the artifact's URL, \
                 percent-encode the value of `url` (`&` as %26)"
            ),
            Self::InvalidParameter { parameter, fault } => {
                write!(f, "invalid query parameter `{parameter}`: {fault}")
            }
            Self::MethodNotAllowed { allow } => write!(f, "only {allow} can fetch"),
            Self::AbsoluteForm { fault } => write!(f, "invalid request target: {fault}"),
            Self::UnknownMirror => f.write_str("no mirror of this name is configured"),
            Self::Misdirected { tunnel } => {
                write!(
                    f,
                    "the request names another host than its tunnel to {tunnel}"
                )
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated => f.write_str("it is given more than once"),
            Self::PercentEncoding => {
                f.write_str("a percent sign needs two hexadecimal digits (a literal one is %25)")
            }
            Self::NotUtf8 => f.write_str("it is not UTF-8 once percent-decoded"),
            Self::ControlCharacter => {
                f.write_str("it holds a control character or white space at an end")
            }
            Self::Scheme(scheme) => {
                write!(
                    f,
                    "the scheme `{scheme}` is not supported, only http, https and s3 are"
                )
            }
            Self::Uri(invalid) => invalid.fmt(f),
            Self::Digest(invalid) => invalid.fmt(f),
            Self::ConflictingPins => {
                f.write_str("it names another digest than the fragment of the URL")
            }
            Self::OutOfBase => f.write_str("it leads out of the mirror's base URL"),
            Self::Mode => f.write_str("expected `spool` or `stream`"),
        }
    }
}

impl Error for InvalidTarget {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidParameter { fault, .. } | Self::AbsoluteForm { fault } => fault.source(),
            _ => None,
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Uri(invalid) => Some(invalid),
            Self::Digest(invalid) => Some(invalid),
            _ => None,
        }
    }
}

impl From<InvalidTargetUri> for Fault {
    fn from(invalid: InvalidTargetUri) -> Self {
        Self::Uri(invalid)
    }
}

impl From<InvalidDigest> for Fault {
    fn from(invalid: InvalidDigest) -> Self {
        Self::Digest(invalid)
    }
}
