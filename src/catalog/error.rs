//! What can go wrong in the catalog. LMDB's own errors stay inside as sources.

use std::{io, path::PathBuf};

use artifact_cache_layers::digest::Sha256;

use super::codec::Malformed;

/// Why the catalog could not be opened, read or written.
///
/// After [`MapFull`](Self::MapFull) and [`DiskFull`](Self::DiskFull) everything written before is
/// still there, reads go on, and removals still succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Another process, or another part of this one, has the catalog open.
    #[error("catalog {} is already in use", .0.display())]
    InUse(PathBuf),
    /// A restore into the directory was not finished.
    #[error("the restore into {} was interrupted; run it again", .0.display())]
    Unfinished(PathBuf),
    /// A file is no catalog.
    #[error("{} is no catalog", .0.display())]
    NoCatalog(PathBuf),
    /// The catalog was written by a newer version of this program.
    #[error("catalog has format {found}, this program knows formats up to {known}")]
    Newer {
        /// The format on disk.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// The bytes of a record make no sense.
    #[error("a record in `{database}` is unreadable")]
    Corrupt {
        /// The LMDB database of the record.
        database: &'static str,
        /// What is wrong with the bytes.
        #[source]
        source: Malformed,
    },
    /// The reserved address range is used up.
    #[error("catalog map is full")]
    MapFull,
    /// The file system has no space left, a quota or limit is reached, or the disk fails: LMDB reports
    /// the short write on a full disk as an input/output error, so these cannot be told apart.
    #[error("disk of the catalog is full or failing")]
    DiskFull(#[source] io::Error),
    /// The blob is not known, or lost its last reference meanwhile.
    #[error("blob {0} is not known")]
    UnknownBlob(Sha256),
    /// The writer has stopped; nothing can be written any more.
    #[error("catalog is closed")]
    Closed,
    /// The bytes are those of a model in production, and are kept.
    #[error("blob {0} is in production")]
    InProduction(Sha256),
    /// More changes wait for the writer than it takes in time; the change was not taken.
    #[error("catalog is busy")]
    Busy,
    /// The directory or the lock file could not be used.
    #[error("catalog directory {} cannot be used", .path.display())]
    Directory {
        /// What was touched.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// LMDB failed otherwise.
    #[error("catalog storage failed")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CatalogError {
    /// Whether it failed for want of room: storing must stop, removing makes room.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::MapFull | Self::DiskFull(_))
    }
}

impl From<heed::Error> for CatalogError {
    fn from(error: heed::Error) -> Self {
        match error {
            heed::Error::Mdb(heed::MdbError::MapFull) => Self::MapFull,
            heed::Error::Io(error) if is_full(&error) => Self::DiskFull(error),
            error => Self::Storage(Box::new(error)),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let short_write = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO);
    short_write || matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
