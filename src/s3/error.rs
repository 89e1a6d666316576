//! [`ObjectError`]: why a store did not do what it was asked.

use artifact_cache_layers::body::BoxError;

use super::Refusal;

/// A store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be asked.
    #[error("the store cannot be asked")]
    Unreachable(#[source] BoxError),
    /// Its answer broke off.
    #[error("the answer of the store broke off")]
    Broken(#[source] BoxError),
    /// Its answer is not what the protocol says.
    #[error("the store answered without {0}")]
    Malformed(&'static str),
    /// A name or a value cannot be sent.
    #[error("cannot be sent to a store: {0}")]
    Unsendable(String),
}

impl ObjectError {
    /// Whether the same request may do better.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                refusal.status.is_server_error()
                    || matches!(refusal.code.as_str(), "SlowDown" | "RequestTimeout")
            }
            Self::Unreachable(_) => true,
            _ => false,
        }
    }
}
