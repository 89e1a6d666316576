//! Backups: the catalog as it was at one moment, and every blob that it names. Whoever has the catalog open
//! makes them: the running cache, or the command line while none runs.
//!
//! The order of `make`: from now on nothing that is known is unlinked; the catalog is copied; the blobs that
//! the copy names are taken in order of digest, each freed for removal once it is taken; the manifest is
//! replaced, durably and in one step. What is there already is not taken again, so a second backup into the
//! same directory costs what is new. The order of `restore`: blobs first, the catalog last, and until then
//! nobody can open it.

mod make;
mod manifest;
mod pack;
mod restore;
mod unpack;

use std::{io, ops::ControlFlow, path::PathBuf};

use artifact_cache_layers::digest::Sha256;
use serde::{Deserialize, Serialize};

pub use self::{
    make::{Wanted, make},
    manifest::Manifest,
    pack::pack,
    restore::{Place, Terms, check, restore},
    unpack::unpack,
};
use super::archive::ArchiveError;
use crate::{blob::take::Taken, catalog::CatalogError};

/// Blobs between two looks at the clock, the position and whoever watches.
const BATCH: usize = 256;
/// Threads that copy: each waits for the disk most of the time.
const COPIERS: usize = 4;
/// Most digests that are listed of what could not be taken.
const MAX_LISTED: usize = 1000;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// Blobs in all; 0 while that is not known.
    pub of_blobs: u64,
    /// Bytes in all.
    pub of_bytes: u64,
}

/// Is told how far it is, and says whether to go on.
pub type Watch<'w> = &'w mut dyn FnMut(Progress) -> ControlFlow<()>;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Blobs that the catalog names.
    pub blobs: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// Of these, blobs that were there already.
    pub known: u64,
    /// Blobs that became another name of the same file.
    pub linked: u64,
    /// Blobs that were copied.
    pub copied: u64,
    /// Blobs that nothing names any more and that were dropped.
    pub dropped: u64,
    /// Blobs whose file is gone or has another length; the first of them.
    pub missing: Vec<String>,
    /// Blobs whose bytes have another digest; the first of them.
    pub damaged: Vec<String>,
    /// How many are missing or damaged.
    pub lost: u64,
}

/// Why there is no backup, or nothing was restored. What was there before is still good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    Files {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The catalog could not be copied, read or put in place.
    #[error("the catalog could not be used")]
    Catalog(#[from] CatalogError),
    /// Something else is in the directory.
    #[error("{} has other things in it: name an empty directory or one of an earlier backup", .0.display())]
    Foreign(PathBuf),
    /// There is no backup in the directory.
    #[error("there is no finished backup at {}", .0.display())]
    NoBackup(PathBuf),
    /// Another backup or restore uses the directory.
    #[error("another backup or restore uses {}", .0.display())]
    Busy(PathBuf),
    /// The manifest is unreadable, or of a newer version of this program.
    #[error("the manifest of the backup cannot be used: {0}")]
    Manifest(String),
    /// The copy of the catalog has other bytes than were written.
    #[error("the catalog in the backup is damaged")]
    CatalogDamaged,
    /// Something is stored already where a backup is to be restored.
    #[error("{} is not empty; --force replaces its catalog and keeps its files", .0.display())]
    NotEmpty(PathBuf),
    /// The archive is cut, or is none of ours.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl BackupError {
    fn files(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::WouldBlock => Self::Busy(path),
            _ => Self::Files {
                action,
                path,
                source,
            },
        }
    }
}

impl Summary {
    fn count(&mut self, digest: &Sha256, taken: Taken) {
        match taken {
            Taken::Known => self.known += 1,
            Taken::Linked => self.linked += 1,
            Taken::Copied => self.copied += 1,
            Taken::Missing => list(&mut self.missing, digest),
            Taken::Damaged => list(&mut self.damaged, digest),
        }
        self.lost += u64::from(matches!(taken, Taken::Missing | Taken::Damaged));
    }
}

fn list(digests: &mut Vec<String>, digest: &Sha256) {
    if digests.len() < MAX_LISTED {
        digests.push(digest.to_string());
    }
}
