//! What a check is asked to do, and what it tells.

use std::{io, path::PathBuf, time::Duration};

use artifact_cache_layers::digest::Sha256;

use crate::{
    catalog::{CatalogError, Inconsistency},
    store::{
        commit::CommitError,
        verify::{Verdict, VerifyError},
    },
};

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// First takes every recovery record into the catalog. Never displaces what is newer there.
    pub rebuild: bool,
    /// Puts right what is found; otherwise it is only told.
    pub repair: bool,
    /// Also reads and hashes every blob.
    pub rehash: bool,
    /// How long an unfinished download may be resumed; older ones are stray.
    pub keep_partial: Duration,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A blob in the catalog whose file is missing, short, long or of other bytes. Repair: its URLs
    /// become misses.
    Blob {
        /// The blob.
        digest: Sha256,
        /// What is wrong.
        verdict: Verdict,
    },
    /// A file that the catalog does not know. Repair: taken in by its recovery record, or unlinked
    /// after the grace period when it has none.
    Unrecorded {
        /// The blob.
        digest: Sha256,
        /// Length in bytes.
        size_bytes: u64,
        /// Whether a sound recovery record says what it is.
        recoverable: bool,
    },
    /// The catalog contradicts itself. Repair: derived anew.
    Catalog(Inconsistency),
    /// A blob that somebody could write to, or that cannot be read. Repair: the mode of blobs.
    Mode(Sha256),
    /// A path that was given out leads to another file than its blob. Repair: the path goes.
    View(Sha256),
    /// A blob takes more room than the cap counts for it. Repair: it is counted.
    Room {
        /// The blob.
        digest: Sha256,
        /// As recorded, in bytes.
        recorded: u64,
        /// On disk, in bytes.
        found: u64,
    },
    /// A leftover temporary file. Repair: removed.
    Temporary(PathBuf),
    /// A file among the blobs that is none. Left alone: it is not ours.
    Stray(PathBuf),
}

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything found, whether repaired or not.
    pub findings: Vec<Finding>,
    /// Blobs compared.
    pub blobs: u64,
    /// Recovery records taken in.
    pub recovered: u64,
    /// Whether the findings were put right (all but stray files).
    pub repaired: bool,
}

/// Why a check stopped. What was repaired before stays repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsckError {
    /// A file or directory of the store could not be used.
    #[error("store could not be read")]
    Files(#[from] io::Error),
    /// The catalog could not be used.
    #[error("catalog could not be used")]
    Catalog(#[from] CatalogError),
    /// A blob could not be read.
    #[error("blob could not be checked")]
    Verify(#[from] VerifyError),
    /// A bad blob could not be discarded.
    #[error("blob could not be discarded")]
    Discard(#[from] CommitError),
}
