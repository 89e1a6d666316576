//! Exports: chosen artifacts with everything that is known of how their origins gave them, as one archive
//! that another cache takes in. `manifest.json` says what it is, `artifacts.jsonl` has one record for each
//! URL in order of digest, then come the blobs in that order, and `end.json` last. Nothing of an archive is
//! seen by anybody before its bytes were hashed.

mod export;
mod import;

use std::io;

use serde::{Deserialize, Serialize};

pub use self::export::Selection;
use super::{archive::ArchiveError, commit::CommitError};
use crate::catalog::CatalogError;

const MANIFEST: &str = "manifest.json";
const RECORDS: &str = "artifacts.jsonl";
const END: &str = "end.json";
/// The newest form that this program reads and the one that it writes.
const FORMAT: u32 = 1;

/// What an archive has, or what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// URLs, with each of their present answers.
    pub artifacts: u64,
    /// Distinct files.
    pub blobs: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// Of these, files that were there already, or that could not be read for an export.
    #[serde(default)]
    pub known: u64,
    /// URLs whose bytes are not in the archive.
    #[serde(default)]
    pub missing: u64,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    program: String,
    created_at: String,
    #[serde(flatten)]
    counted: Counted,
}

/// Why nothing was exported, or not everything imported. What was imported before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The archive cannot be read or written, is cut, or breaks a rule.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There is no room, or too little would be left.
    #[error("there is no room for it")]
    NoRoom,
    /// The disk failed.
    #[error("the store cannot be read or written")]
    Disk(#[source] io::Error),
    /// The catalog failed.
    #[error("the catalog cannot be used")]
    Catalog(#[from] CatalogError),
    /// Something could not be made part of the store.
    #[error("it cannot be stored")]
    Commit(#[from] CommitError),
}

impl BundleError {
    fn of(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::NoRoom,
            _ => Self::Disk(error),
        }
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ArchiveError> {
    serde_json::to_vec(value).map_err(|error| ArchiveError::Stream(error.into()))
}
