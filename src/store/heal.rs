//! Taking damaged blobs out of use, and looking again at those that a power cut may have damaged before
//! they are read for the first time after it.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use artifact_cache_layers::{body::BoxError, digest::Sha256};

use super::{
    Store,
    commit::{CommitError, Committer},
    verify::{Pace, Verdict, verify_blob},
};
use crate::{artifact::file::File, blob::Blob, catalog::CatalogError};

/// Digests that are remembered as looked at.
const MAX_REMEMBERED: usize = 1 << 20;

/// Blobs that were stored before an unclean stop and have not been looked at since.
pub(super) struct Suspects {
    since: SystemTime,
    is_over: AtomicBool,
    sound: Mutex<HashSet<Sha256>>,
}

impl Committer {
    /// Looks again at a blob that was found damaged, and moves its file aside if that is still so; how it
    /// was found then. The catalog goes on to know it, so that it can be brought back. Waits for commits
    /// of the same digest. Blocks.
    ///
    /// # Errors
    /// When the catalog or the disk fail.
    pub fn quarantine_blocking(
        &self,
        digest: &Sha256,
        limit: u64,
    ) -> Result<Option<String>, CommitError> {
        let _hold = self.holds.wait_for_removal(*digest);
        let Some(known) = self.catalog.blob(digest)? else {
            return Ok(None);
        };
        let found = match verify_blob(&self.blobs, digest, known.size_bytes, Pace::default()) {
            Ok(Verdict::Sound) => return Ok(None),
            Ok(verdict) => verdict.to_string(),
            Err(error) => super::verify::unreadable(&error),
        };
        let moved = self.blobs.quarantine(digest, limit);
        moved.map_err(CommitError::Blob)?;
        Ok(Some(found))
    }
}

impl Store {
    /// Takes a blob out of use that was found damaged, if it still is; how it was found then. Requests for
    /// it become misses.
    ///
    /// # Errors
    /// When the catalog or the disk fail.
    pub async fn quarantine(&self, digest: Sha256) -> Result<Option<String>, BoxError> {
        let (committer, limit) = (self.committer().clone(), self.settings().quarantine_bytes.0);
        let quarantine = move || committer.quarantine_blocking(&digest, limit);
        let found = tokio::task::spawn_blocking(quarantine).await??;
        if let Some(found) = &found {
            self.metrics().corrupt.increment();
            tracing::error!(sha256 = %digest, found, "a stored file is damaged and was moved aside");
        }
        Ok(found)
    }

    /// Everything that was stored before this was found sound, or taken out of use.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn clear_suspicion(&self, begun: SystemTime) -> Result<(), CatalogError> {
        if self
            .catalog()
            .unclean_stop()?
            .is_some_and(|since| since <= begun)
        {
            if let Some(suspects) = self.suspects() {
                suspects.is_over.store(true, Ordering::Release);
            }
            self.catalog().forget_unclean_stop().await?;
        }
        Ok(())
    }

    /// Whether a blob may be read: one that a power cut may have damaged is hashed first, once. One that is
    /// at hand was.
    pub(super) async fn is_above_suspicion(
        &self,
        digest: &Sha256,
        length: u64,
    ) -> Result<bool, BoxError> {
        let Some(suspects) = self.suspects().filter(|_| !self.blobs().is_at_hand(digest)) else {
            return Ok(true);
        };
        if suspects.is_over.load(Ordering::Acquire) || suspects.sound().contains(digest) {
            return Ok(true);
        }
        let stored = self.catalog().blob(digest)?.map(|blob| blob.first_stored);
        if stored.is_none_or(|stored| stored > suspects.since) {
            return Ok(true);
        }
        let (blobs, looked_at) = (self.blobs().clone(), *digest);
        let look = move || verify_blob(&blobs, &looked_at, length, Pace::default());
        if matches!(tokio::task::spawn_blocking(look).await?, Ok(Verdict::Sound)) {
            suspects.remember(*digest);
            return Ok(true);
        }
        // What is sound by now was stored anew meanwhile.
        Ok(self.quarantine(*digest).await?.is_none())
    }

    /// The bytes of an uploaded file; `None` when they are gone or damaged.
    ///
    /// # Errors
    /// When the disk or the catalog fail, and when the file has another length.
    pub async fn open_file(&self, file: &File) -> Result<Option<Arc<Blob>>, BoxError> {
        if !self
            .is_above_suspicion(&file.digest, file.size_bytes)
            .await?
        {
            return Ok(None);
        }
        Ok(self.blobs().open_blob(&file.digest, file.size_bytes)?)
    }

    fn suspects(&self) -> Option<&Suspects> {
        self.0.suspects.as_ref()
    }
}

impl Suspects {
    pub(super) fn since(since: SystemTime) -> Self {
        Self {
            since,
            is_over: AtomicBool::new(false),
            sound: Mutex::default(),
        }
    }

    fn remember(&self, digest: Sha256) {
        let mut sound = self.sound();
        if sound.len() >= MAX_REMEMBERED {
            // Some are then hashed once more.
            sound.clear();
        }
        sound.insert(digest);
    }

    fn sound(&self) -> MutexGuard<'_, HashSet<Sha256>> {
        // Each use is one operation of the set.
        self.sound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
