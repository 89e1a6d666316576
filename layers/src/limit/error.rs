//! What a limited service fails with.

use std::{fmt, time::Duration};

/// As many requests are being served as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded {
    /// The limit that is reached.
    pub max_requests: usize,
}

/// The head of the response took too long; the request was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadTimeout {
    /// The deadline that passed.
    pub after: Duration,
}

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests are being served already", self.max_requests)
    }
}

impl fmt::Display for HeadTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no response head within {:?}", self.after)
    }
}

impl std::error::Error for Overloaded {}
impl std::error::Error for HeadTimeout {}
