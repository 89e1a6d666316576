//! THE commit order. Everything that becomes part of the store goes through here:
//!
//! 1. the bytes are in an unfinished file (`blob::Partial`),
//! 2. length and digest are verified ([`Verified`] is the proof),
//! 3. the file is fsynced,
//! 4. it gets its name,
//! 5. the directories of the name are fsynced,
//! 6. one catalog transaction makes it known, durably,
//! 7. whoever waits is told.
//!
//! A crash before 6 leaves a file that nobody knows, which `fsck` finds; after 6 everything is there.
//! The fsyncs of 5 and the transactions of 6 are shared by commits at the same time (group commit).
//! The opposite order, removal, is in `reap`.

use std::{io, sync::Arc};

use artifact_cache_layers::digest::Sha256;

use super::{backups::Backups, holds::Holds};
use crate::{
    artifact::file::{File, Label},
    blob::{Blob, BlobStore, Partial, Recovery, upload::UploadRecord},
    catalog::{Addition, Catalog, CatalogError, Change, Written},
};

/// Proof that bytes have the digest and the length that they should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    digest: Sha256,
    length: u64,
}

/// The bytes that came are not those that were expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another digest.
    #[error("digest is {actual} instead of {expected}")]
    Digest {
        /// As pinned by the request.
        expected: Sha256,
        /// Of the bytes.
        actual: Sha256,
    },
    /// Another length.
    #[error("length is {actual} instead of {expected} bytes")]
    Length {
        /// As announced, in bytes.
        expected: u64,
        /// Of the bytes.
        actual: u64,
    },
}

/// Why something did not become part of the store. Nothing of it is in the catalog then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The file could not be made durable.
    #[error("blob could not be stored")]
    Blob(#[source] io::Error),
    /// The catalog refused; a new file was taken back.
    #[error("blob could not be catalogued")]
    Catalog(#[from] CatalogError),
    /// The response is of other bytes than were verified.
    #[error("response does not describe the stored bytes")]
    OtherBytes,
    /// The program is shutting down.
    #[error("commit was cut off by shutdown")]
    Shutdown,
}

/// What a commit made.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The blob, open.
    pub blob: Arc<Blob>,
    /// Whether its file is the one that was committed; otherwise the older one stayed.
    pub is_new: bool,
    /// What the catalog changed.
    pub written: Written,
}

/// The one way into the store and out of it; clones share it.
#[derive(Clone)]
pub struct Committer {
    pub(super) catalog: Catalog,
    pub(super) blobs: BlobStore,
    pub(super) holds: Holds,
    pub(super) backups: Backups,
}

impl Verified {
    /// Compares what came with what was expected, where something was.
    ///
    /// # Errors
    /// The length is judged first: bytes that are missing change the digest, too.
    pub fn check(
        (digest, length): (Sha256, u64),
        expected_digest: Option<Sha256>,
        expected_length: Option<u64>,
    ) -> Result<Self, Mismatch> {
        if let Some(expected) = expected_length.filter(|&expected| expected != length) {
            return Err(Mismatch::Length {
                expected,
                actual: length,
            });
        }
        if let Some(expected) = expected_digest.filter(|&expected| expected != digest) {
            return Err(Mismatch::Digest {
                expected,
                actual: digest,
            });
        }
        Ok(Self { digest, length })
    }

    /// The digest of the bytes.
    pub const fn digest(&self) -> Sha256 {
        self.digest
    }

    /// The length of the bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }
}

impl Committer {
    /// For one catalog and its blobs. There must be one committer, or clones of one: its holds are
    /// what keeps removal and commit of the same bytes apart.
    pub fn new(catalog: Catalog, blobs: BlobStore) -> Self {
        Self {
            catalog,
            blobs,
            holds: Holds::default(),
            backups: Backups::default(),
        }
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The blobs.
    pub fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// Steps 3 to 6. Once begun it goes on to the end, even when nobody waits any more.
    pub async fn commit(
        &self,
        partial: Partial,
        verified: Verified,
        addition: Addition,
    ) -> Result<Committed, CommitError> {
        let this = self.clone();
        let commit = move || this.commit_blocking(partial, verified, addition);
        let committed = tokio::task::spawn_blocking(commit).await;
        committed.map_err(|_| CommitError::Shutdown)?
    }

    /// The same on a thread that may block. Panics on an async thread.
    pub fn commit_blocking(
        &self,
        mut partial: Partial,
        verified: Verified,
        addition: Addition,
    ) -> Result<Committed, CommitError> {
        let response = &addition.response;
        if (response.digest, response.length) != (verified.digest, verified.length) {
            return Err(CommitError::OtherBytes);
        }
        let final_url = addition.final_url.as_deref();
        partial.describe(Recovery::new(&addition.uri, final_url, response));
        self.commit_change(partial, verified, Change::from(addition))
    }

    /// The same for an uploaded file, which has no URL.
    pub async fn commit_file(
        &self,
        mut partial: Partial,
        verified: Verified,
        (file, label): (File, Label),
    ) -> Result<Committed, CommitError> {
        if (file.digest, file.size_bytes) != (verified.digest, verified.length) {
            return Err(CommitError::OtherBytes);
        }
        partial.describe_upload(UploadRecord::of(&file));
        let this = self.clone();
        let change = Change::KeepFile { file, label };
        let commit = move || this.commit_change(partial, verified, change);
        let committed = tokio::task::spawn_blocking(commit).await;
        committed.map_err(|_| CommitError::Shutdown)?
    }

    /// The same for what came from another cache, with every URL that has the bytes: what is newer here
    /// stays. Whether the bytes are new. Panics on an async thread.
    pub(super) fn import_blocking(
        &self,
        mut partial: Partial,
        verified: Verified,
        additions: Vec<Addition>,
    ) -> Result<bool, CommitError> {
        // Nobody removes the blob between its first URL and its last.
        let _hold = self.holds.for_commit(verified.digest);
        let mut rest = additions.into_iter();
        let Some(first) = rest.next() else {
            return Err(CommitError::OtherBytes);
        };
        let is_new = self.catalog.blob(&verified.digest)?.is_none();
        partial.describe(recovery(&first));
        self.commit_change(partial, verified, Change::Recover(first))?;
        for addition in rest {
            let noted = self.blobs.journal(&recovery(&addition));
            noted.map_err(CommitError::Blob)?;
            self.catalog.write_blocking(Change::Recover(addition))?;
        }
        Ok(is_new)
    }

    fn commit_change(
        &self,
        partial: Partial,
        verified: Verified,
        change: Change,
    ) -> Result<Committed, CommitError> {
        // Until the catalog knows the blob, nobody may remove the file that already has its name: it
        // may be an old one that waits for its removal.
        let hold = self.holds.for_commit(verified.digest);
        let persisted = partial
            .persist(&verified.digest)
            .map_err(CommitError::Blob)?;
        let change = Change::OnDisk {
            allocated: persisted.blob.allocated_bytes(),
            change: Box::new(change),
        };
        let written = self.catalog.write_blocking(change);
        drop(hold);
        if written.is_err() && persisted.is_new {
            self.withdraw(verified.digest);
        }
        Ok(Committed {
            blob: persisted.blob,
            is_new: persisted.is_new,
            written: written?,
        })
    }
}

fn recovery(addition: &Addition) -> Recovery {
    let final_url = addition.final_url.as_deref();
    Recovery::new(&addition.uri, final_url, &addition.response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_bytes_are_verified() {
        let (digest, other) = (Sha256::of(b"bytes"), Sha256::of(b"other"));
        let came = (digest, 5);
        assert!(Verified::check(came, None, None).is_ok());
        assert!(Verified::check(came, Some(digest), Some(5)).is_ok());
        let mismatch = Mismatch::Digest {
            expected: other,
            actual: digest,
        };
        assert_eq!(Verified::check(came, Some(other), Some(5)), Err(mismatch));
        let mismatch = Mismatch::Length {
            expected: 6,
            actual: 5,
        };
        assert_eq!(Verified::check(came, Some(other), Some(6)), Err(mismatch));
    }
}
