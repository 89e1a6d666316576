//! [`StorageError`]: what a transfer can fail with.

use std::{error::Error, fmt::Write as _, io, path::PathBuf};

use crate::s3::{ObjectError, head::Damaged};

/// Why an artifact is neither there nor known to be absent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There are no keys, or the store does not take them.
    #[error("storage credentials: {0}")]
    Credentials(String),
    /// The file to upload is not there.
    #[error("file not found: {}", .0.display())]
    FileNotFound(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store failed or refused.
    #[error("storage error")]
    Store(#[source] ObjectError),
    /// What arrived is not what was written.
    #[error("storage error")]
    Damaged(#[from] Damaged),
    /// A name that means no bucket and key, or another setting that cannot be used.
    #[error("{0}")]
    Invalid(String),
}

impl StorageError {
    /// The error and its causes in one line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }

    pub(super) fn file(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path: path.clone(),
            source,
        }
    }
}
