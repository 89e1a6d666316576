//! Evicting, which is removal without a request for it: first the digest is held, so that no commit and
//! no lease comes in between, then the catalog forgets it, then the file goes. There is no grace
//! period: room is needed now, and who read the catalog before and opens the file after that finds
//! nothing and asks the origin.

use std::collections::HashMap;

use artifact_cache_layers::digest::Sha256;

use super::{
    Store,
    commit::{CommitError, Committer},
    holds::Hold,
    room::Pressure,
};
use crate::catalog::{Change, Evicted};

/// Blobs looked at for one transaction.
const BATCH: usize = 512;

/// What a round of eviction did.
#[derive(Clone, Debug, Default)]
pub struct Evictions {
    /// What went.
    pub evicted: Vec<Evicted>,
    /// Whether nothing more can go now.
    pub is_exhausted: bool,
}

impl Evictions {
    /// Bytes that it freed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.evicted.iter().map(|evicted| evicted.allocated).sum()
    }

    /// URLs that lost what they had.
    #[must_use]
    pub fn urls(&self) -> u64 {
        self.evicted.iter().map(|evicted| evicted.urls).sum()
    }
}

impl Store {
    /// Evicts until `bytes` are free, or as far as one transaction goes. `until` is the youngest place
    /// that is looked at, so that rounds with the same value come to an end.
    ///
    /// # Errors
    /// When the catalog or the disk fails.
    pub async fn evict(
        &self,
        bytes: u64,
        until: u64,
        reason: Pressure,
    ) -> Result<Evictions, CommitError> {
        // What was hit a moment ago counts.
        self.catalog().flush_hits().await?;
        let this = self.committer().clone();
        let evict = move || this.evict_blocking(bytes, until, reason);
        let evicted = tokio::task::spawn_blocking(evict).await;
        evicted.map_err(|_| CommitError::Shutdown)?
    }

    /// Removes a download that was left to be continued; whether there was one.
    pub async fn drop_part(&self) -> bool {
        let this = self.clone();
        let dropped = tokio::task::spawn_blocking(move || this.kept_partials().drop_one()).await;
        dropped.unwrap_or(false)
    }
}

impl Committer {
    /// The same on a thread that may block.
    pub(super) fn evict_blocking(
        &self,
        bytes: u64,
        until: u64,
        reason: Pressure,
    ) -> Result<Evictions, CommitError> {
        let mut holds: HashMap<Sha256, Hold> = HashMap::new();
        let removing = self.backups.removing();
        // Room on the disk comes only from files that no backup has as well.
        let frees =
            |digest: &Sha256| reason == Pressure::Cap || !self.blobs.has_other_names(digest);
        let mut must_stay = |digest: &Sha256| {
            if !removing.may_go(digest) || !frees(digest) {
                return true;
            }
            match self.hold_unused(digest) {
                Some(hold) => {
                    holds.insert(*digest, hold);
                    false
                }
                None => true,
            }
        };
        let plan = self
            .catalog
            .plan_eviction(bytes, BATCH, until, &mut must_stay)?;
        let steps = plan.steps;
        if steps.is_empty() {
            return Ok(Evictions {
                evicted: Vec::new(),
                is_exhausted: plan.is_exhausted,
            });
        }
        let reason = reason.word();
        let written = self
            .catalog
            .write_blocking(Change::Evict { steps, reason })?;
        let digests = self.unlink(&written.released);
        self.catalog.write_blocking(Change::Unlinked { digests })?;
        Ok(Evictions {
            evicted: written.evicted,
            is_exhausted: plan.is_exhausted,
        })
    }

    /// Holds a blob for its removal unless somebody commits it, was given its path, or reads it.
    fn hold_unused(&self, digest: &Sha256) -> Option<Hold> {
        let hold = self.holds.for_removal(*digest)?;
        (!self.blobs.is_in_use(digest)).then_some(hold)
    }
}
