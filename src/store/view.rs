//! Paths of blobs for other programs of this machine: verified, and leased for a while, so that whoever
//! was told of one can still read it when the blob is removed.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{body::BoxError, digest::Sha256};

use super::{
    Store,
    commit::CommitError,
    verify::{Pace, Verdict, verify_blob},
};
use crate::blob::view::Stamp;

/// How long a path stays, and how long a look at its bytes counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the path stays readable, whatever is removed meanwhile.
    pub lease: Duration,
    /// How long a blob that nothing shows to be changed counts as verified.
    pub verify_interval: Duration,
}

/// What is known of the paths that were given out, until the next start.
#[derive(Default)]
pub(super) struct Views(Mutex<HashMap<Sha256, Known>>);

#[derive(Clone, Copy)]
struct Known {
    leased_until: SystemTime,
    stamp: Stamp,
    verified_at: SystemTime,
}

impl Views {
    /// The map is whole between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<Sha256, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// The path of a public blob, verified and leased; `None` when there is none, or none that is sound.
    /// A damaged one is removed: its URLs become misses.
    ///
    /// # Errors
    /// When the disk or the catalog fail.
    pub async fn view(&self, digest: Sha256, terms: Terms) -> Result<Option<PathBuf>, BoxError> {
        let this = self.clone();
        let view = tokio::task::spawn_blocking(move || this.view_blocking(&digest, terms)).await?;
        Ok(view?)
    }

    fn view_blocking(&self, digest: &Sha256, terms: Terms) -> Result<Option<PathBuf>, CommitError> {
        let hold = self.committer().holds.for_commit(*digest);
        let Some(record) = self.catalog().blob(digest)? else {
            return Ok(None);
        };
        let stamp = self.blobs().stamp(digest).map_err(CommitError::Blob)?;
        let stamp = stamp.filter(|stamp| stamp.len == record.size_bytes);
        let verified_at = stamp.and_then(|stamp| self.verified_at(digest, &stamp, record, terms));
        let now = self.clock().now();
        let verified_at = match verified_at {
            Some(verified_at) => verified_at,
            None if self.is_sound(digest, record.size_bytes) => now,
            None => {
                drop(hold);
                self.discard_damaged(digest)?;
                return Ok(None);
            }
        };
        let path = self.blobs().link_view(digest).map_err(CommitError::Blob)?;
        // Linking changes the stamp, so it is taken after that.
        if let Some(stamp) = self.blobs().stamp(digest).map_err(CommitError::Blob)? {
            let known = Known {
                leased_until: now + terms.lease,
                stamp,
                verified_at,
            };
            self.views().lock().insert(*digest, known);
        }
        Ok(Some(path))
    }

    /// When a blob was verified last, if nothing shows that it was changed since and that is not too
    /// long ago. One that was not looked at since the start was verified when it was stored.
    fn verified_at(
        &self,
        digest: &Sha256,
        stamp: &Stamp,
        record: crate::catalog::BlobRecord,
        terms: Terms,
    ) -> Option<SystemTime> {
        let known = self.views().lock().get(digest).copied();
        let verified_at = match known {
            Some(known) if known.stamp == *stamp => known.verified_at,
            None if stamp.modified() <= record.first_stored => record.first_stored,
            _ => return None,
        };
        let age = self.clock().now().duration_since(verified_at);
        age.is_ok_and(|age| age < terms.verify_interval)
            .then_some(verified_at)
    }

    fn is_sound(&self, digest: &Sha256, size_bytes: u64) -> bool {
        let verdict = verify_blob(self.blobs(), digest, size_bytes, Pace::default());
        matches!(verdict, Ok(Verdict::Sound))
    }

    fn discard_damaged(&self, digest: &Sha256) -> Result<(), CommitError> {
        tracing::error!(sha256 = %digest, "a stored file is gone or damaged, it will be fetched again");
        self.metrics().corrupt.increment();
        self.views().lock().remove(digest);
        self.blobs()
            .unlink_view(digest)
            .map_err(CommitError::Blob)?;
        self.committer().discard_blocking(digest)
    }

    /// Ends leases that are over: their paths go where nothing else has the file. How many went.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn end_leases(&self, terms: Terms) -> Result<u64, BoxError> {
        let this = self.clone();
        let ended = tokio::task::spawn_blocking(move || this.end_leases_blocking(terms));
        Ok(ended.await??)
    }

    fn end_leases_blocking(&self, terms: Terms) -> std::io::Result<u64> {
        let now = self.clock().now();
        // A path from before the last start gets its whole lease again: when it began is not known.
        let of_unknown = self.0.started + terms.lease;
        let holds = &self.committer().holds;
        let ended = self.blobs().prune_view(|digest| {
            // Held first: whoever is given the path now renews the lease under the same hold.
            let hold = holds.for_removal(*digest)?;
            let known = self.views().lock().get(digest).copied();
            let until = known.map_or(of_unknown, |known| known.leased_until);
            (until <= now).then_some(hold)
        });
        self.views().lock().retain(|_, known| {
            known.leased_until > now || known.verified_at + terms.verify_interval > now
        });
        ended
    }
}
