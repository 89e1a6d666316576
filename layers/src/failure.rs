//! How a transfer can fail: errors that several layers know.

use std::fmt;

use crate::digest::Sha256;

/// A body ended before it was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Bytes that arrived.
    pub received: u64,
    /// Bytes that were promised, when they were.
    pub expected: Option<u64>,
}

/// A body broke off, and the origin has another representation by now: the rest cannot be had, but the
/// new one can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed(pub Incomplete);

/// A body has another digest than the request demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The digest that was demanded.
    pub expected: Sha256,
    /// The digest of what arrived.
    pub actual: Sha256,
}

/// A body is larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Most bytes allowed.
    pub limit: u64,
    /// Bytes announced or counted so far.
    pub size: u64,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Some(expected) => write!(
                f,
                "the body ended after {} of {expected} bytes",
                self.received
            ),
            None => write!(f, "the body broke off after {} bytes", self.received),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the origin has another representation than the one that broke off")
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body has digest {}, expected {}",
            self.actual, self.expected
        )
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body has {} bytes, more than the {} allowed",
            self.size, self.limit
        )
    }
}

impl std::error::Error for Incomplete {}

impl std::error::Error for Changed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl std::error::Error for Mismatch {}
impl std::error::Error for TooLarge {}
impl std::error::Error for Superseded {}

/// The answer has been stored since the request was found to be a miss: look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer has been stored meanwhile")
    }
}
