//! [`Order`]: what shall be done, and what becomes of asking for it.

use crate::{
    catalog::{CatalogError, JobKey, JobRecord},
    telemetry::label::JobKind,
};

/// Most jobs at work at the same time.
pub(super) const MAX_RUNNING: usize = 32;

/// What shall be done.
pub struct Order {
    /// What kind of work it is.
    pub kind: JobKind,
    /// What it is about, in words.
    pub about: String,
    /// Whether no other of its kind may be at work.
    pub is_alone: bool,
    /// The key of whoever asks.
    pub key: Option<JobKey>,
}

/// A job that was started, or was asked for before under the same key.
pub struct Started {
    /// The job.
    pub record: JobRecord,
    /// Whether it is a new one.
    pub is_new: bool,
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another one of its kind is at work.
    #[error("job {0} does that already")]
    Running(u64),
    /// There are too many.
    #[error("there are {MAX_RUNNING} jobs at work already")]
    TooMany,
    /// Something else was asked for under the same key.
    #[error("job {0} was asked for under this key, and with other words")]
    OtherWords(u64),
    /// The cache is stopping.
    #[error("the cache is stopping")]
    Stopping,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Order {
    /// Work of a kind, beside others of the kind.
    #[must_use]
    pub fn new(kind: JobKind, about: &str) -> Self {
        Self {
            kind,
            about: about.to_owned(),
            is_alone: false,
            key: None,
        }
    }

    /// The same, with no other of its kind beside it.
    #[must_use]
    pub fn alone(self) -> Self {
        let is_alone = true;
        Self { is_alone, ..self }
    }

    /// The same, under a key of whoever asks.
    #[must_use]
    pub fn under(self, key: Option<JobKey>) -> Self {
        Self { key, ..self }
    }
}

/// A job that was asked for under the same key, if the same was asked.
pub(super) fn before(record: JobRecord, key: &JobKey) -> Result<Started, Refused> {
    if record.key.as_ref() != Some(key) {
        return Err(Refused::OtherWords(record.number));
    }
    let is_new = false;
    Ok(Started { record, is_new })
}
