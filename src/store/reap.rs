//! Removal, the commit order backwards: the catalog first, a grace period, then the file.
//!
//! The race. A file may wait for its removal while the same bytes are downloaded again: the commit
//! finds the name taken, keeps that file, and makes it known. If the file were unlinked between these
//! two steps, the catalog would point at nothing. So a commit holds the digest from before it looks
//! at the name until the catalog has answered, and removal skips a digest that is held; while removal
//! holds it, a commit waits and then finds the name free. Under its hold, removal asks the writer for
//! a last look (`Condemn`), which comes after every change sent before. A response for bytes that are
//! known already (`Refer`) needs no file and no hold: the writer refuses it when they are not known.

use std::time::Duration;

use artifact_cache_layers::digest::Sha256;

use super::{
    commit::{CommitError, Committer},
    holds::Hold,
};
use crate::catalog::Change;

/// Blobs removed with one pair of transactions; bounds how long a commit waits for a hold.
const BATCH: usize = 64;

/// What a reaping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Files unlinked.
    pub blobs: u64,
    /// Files left for the next time: they are being stored again, a backup needs them, or they could not be
    /// unlinked.
    pub left: u64,
}

impl Committer {
    /// Unlinks every blob that lost its last reference at least `grace` ago. The grace period lets
    /// those finish who read the catalog before and open the file after.
    pub async fn reap(&self, grace: Duration) -> Result<Reaped, CommitError> {
        let this = self.clone();
        let reaped = tokio::task::spawn_blocking(move || this.reap_blocking(grace)).await;
        reaped.map_err(|_| CommitError::Shutdown)?
    }

    /// The same on a thread that may block. Panics on an async thread.
    pub fn reap_blocking(&self, grace: Duration) -> Result<Reaped, CommitError> {
        let now = self.catalog.clock().now();
        let mut reaped = Reaped::default();
        let mut after = None;
        loop {
            let removable = self.catalog.removable(after.as_ref(), BATCH)?;
            let Some((last, _)) = removable.last() else {
                return Ok(reaped);
            };
            after = Some(*last);
            // A time in the future is a clock that was set back: wait for it.
            let due = removable
                .iter()
                .filter(|(_, since)| now.duration_since(*since).is_ok_and(|age| age >= grace));
            self.reap_batch(due.map(|(digest, _)| *digest), &mut reaped)?;
        }
    }

    fn reap_batch(
        &self,
        due: impl Iterator<Item = Sha256>,
        reaped: &mut Reaped,
    ) -> Result<(), CommitError> {
        let removing = self.backups.removing();
        let mut count = 0;
        let due = due.inspect(|_| count += 1);
        let holds: Vec<Hold> = due
            .filter(|digest| removing.may_go(digest))
            .filter_map(|digest| self.holds.for_removal(digest))
            .collect();
        if !holds.is_empty() {
            let digests = holds.iter().map(Hold::digest).collect();
            let condemned = self.catalog.write_blocking(Change::Condemn { digests })?;
            let digests = self.unlink(&condemned.released);
            reaped.blobs += digests.len() as u64;
            count -= digests.len() as u64;
            self.catalog.write_blocking(Change::Unlinked { digests })?;
        }
        reaped.left += count;
        Ok(())
    }

    /// Unlinks files; those that could not be stay removable.
    pub(super) fn unlink(&self, digests: &[Sha256]) -> Vec<Sha256> {
        let unlinked = digests
            .iter()
            .filter(|digest| match self.blobs.remove(digest) {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(%digest, %error, "a blob could not be unlinked");
                    false
                }
            });
        unlinked.copied().collect()
    }

    /// Removes a blob whose bytes were found to be others, and everything that says it is there: its
    /// URLs become misses. Waits for commits of the same digest. Blocks.
    pub fn discard_blocking(&self, digest: &Sha256) -> Result<(), CommitError> {
        let hold = self.holds.wait_for_removal(*digest);
        self.discard_held(&hold)
    }

    fn discard_held(&self, hold: &Hold) -> Result<(), CommitError> {
        let digest = hold.digest();
        // The file first: a commit that follows must not find it and keep it.
        self.blobs.remove(&digest).map_err(CommitError::Blob)?;
        self.catalog.write_blocking(Change::ForgetBlob { digest })?;
        Ok(())
    }

    /// Looks again at a blob that could not be opened or had the wrong length, and discards it if that
    /// is still so; whether it was. Meanwhile it may have been stored anew. Blocks.
    pub fn recheck_blocking(&self, digest: &Sha256) -> Result<bool, CommitError> {
        let hold = self.holds.wait_for_removal(*digest);
        let Some(known) = self.catalog.blob(digest)? else {
            return Ok(false);
        };
        if matches!(self.blobs.open_blob(digest, known.size_bytes), Ok(Some(_))) {
            return Ok(false);
        }
        self.discard_held(&hold)?;
        Ok(true)
    }

    /// [`Committer::recheck_blocking`] for async threads. Once begun it goes on to the end.
    pub async fn recheck(&self, digest: Sha256) -> Result<bool, CommitError> {
        let this = self.clone();
        let rechecked = tokio::task::spawn_blocking(move || this.recheck_blocking(&digest)).await;
        rechecked.map_err(|_| CommitError::Shutdown)?
    }

    /// Takes back the name of a new blob that the catalog refused, unless anybody else wants it.
    pub(super) fn withdraw(&self, digest: Sha256) {
        let Some(hold) = self.holds.for_removal(digest) else {
            return;
        };
        let unknown = matches!(self.catalog.blob(&digest), Ok(None));
        if unknown && matches!(self.catalog.is_removable(&digest), Ok(false)) {
            self.unlink(&[hold.digest()]);
        }
    }
}

#[cfg(test)]
mod tests;
