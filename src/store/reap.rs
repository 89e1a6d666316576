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
mod tests {
    use std::time::SystemTime;

    use artifact_cache_layers::semantics::{
        cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri,
    };
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::{
        blob::{Partial, tests::temporary_store},
        catalog::{Addition, Catalog, CatalogOptions},
        clock::Clock,
        store::commit::Verified,
    };

    const URL: &str = "https://example.com/a";

    fn committer() -> (tempfile::TempDir, Committer) {
        let (directory, blobs) = temporary_store();
        let path = directory.path().join("catalog");
        let catalog = Catalog::open(&path, &CatalogOptions::default(), Clock::system());
        (directory, Committer::new(catalog.expect("catalog"), blobs))
    }

    fn addition(url: &str, body: &[u8]) -> Addition {
        let uri: TargetUri = url.parse().expect("url");
        Addition {
            key: CacheKey::of(&uri),
            uri,
            final_url: None,
            response: StoredResponse {
                status: StatusCode::OK,
                fields: HeaderMap::new(),
                request_time: SystemTime::now(),
                response_time: SystemTime::now(),
                nominated: Vec::new(),
                digest: Sha256::of(body),
                length: body.len() as u64,
            },
        }
    }

    fn partial(committer: &Committer, body: &[u8]) -> Partial {
        let partial = Partial::create(committer.blobs(), None).expect("partial");
        partial.write_all_at(body, 0).expect("write");
        partial
    }

    fn commit(committer: &Committer, url: &str, body: &[u8]) -> Result<u64, CommitError> {
        let verified = Verified::check((Sha256::of(body), body.len() as u64), None, None);
        let (partial, verified) = (partial(committer, body), verified.expect("verified"));
        let stored = committer.commit_blocking(partial, verified, addition(url, body));
        stored.map(|stored| stored.written.artifact.expect("artifact"))
    }

    fn remove(committer: &Committer, url: &str) {
        let key = CacheKey::of(&url.parse().expect("url"));
        let removed = committer
            .catalog()
            .write_blocking(Change::RemoveUrl { key });
        removed.expect("removed");
    }

    fn exists(committer: &Committer, body: &[u8]) -> bool {
        committer.blobs().path(&Sha256::of(body)).exists()
    }

    #[test]
    fn a_blob_outlives_its_last_url_by_the_grace_period() {
        let (_directory, committer) = committer();
        commit(&committer, URL, b"body").expect("committed");
        remove(&committer, URL);
        let hour = Duration::from_hours(1);
        let reap = |grace| committer.reap_blocking(grace).expect("reaped").blobs;
        assert_eq!(reap(hour), 0);
        committer.catalog().clock().shift(3601);
        assert!(exists(&committer, b"body"));
        assert_eq!(reap(hour), 1);
        assert!(!exists(&committer, b"body"));
        assert_eq!(committer.catalog().removable(None, 9).expect("read"), []);
    }

    #[test]
    fn a_shared_blob_stays_until_its_last_url_goes() {
        let (_directory, committer) = committer();
        commit(&committer, URL, b"body").expect("committed");
        commit(&committer, "https://example.com/b", b"body").expect("committed");
        remove(&committer, URL);
        committer.reap_blocking(Duration::ZERO).expect("reaped");
        assert!(exists(&committer, b"body"));
        remove(&committer, "https://example.com/b");
        committer.reap_blocking(Duration::ZERO).expect("reaped");
        assert!(!exists(&committer, b"body"));
    }

    #[test]
    fn a_file_that_a_commit_has_just_kept_is_not_removed_under_it() {
        let (_directory, committer) = committer();
        commit(&committer, URL, b"body").expect("committed");
        remove(&committer, URL);
        // The commit, stopped between its two steps: the name is there, the catalog does not know it.
        let hold = committer.holds.for_commit(Sha256::of(b"body"));
        let persisted = partial(&committer, b"body").persist(&Sha256::of(b"body"));
        assert!(!persisted.expect("persisted").is_new);
        let reaped = committer.reap_blocking(Duration::ZERO).expect("reaped");
        assert_eq!((reaped.blobs, reaped.left), (0, 1));
        let change = Change::from(addition(URL, b"body"));
        committer.catalog().write_blocking(change).expect("stored");
        drop(hold);
        let reaped = committer.reap_blocking(Duration::ZERO).expect("reaped");
        assert_eq!(reaped, Reaped::default());
        assert!(exists(&committer, b"body"));
    }

    #[test]
    fn storing_removing_and_reaping_at_once_never_loses_a_known_blob() {
        let (_directory, committer) = committer();
        let done = std::sync::atomic::AtomicBool::new(false);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            let reaper = scope.spawn(|| {
                while !done.load(order) {
                    committer.reap_blocking(Duration::ZERO).expect("reaped");
                }
            });
            let writers: Vec<_> = (0..3)
                .map(|writer| {
                    let committer = &committer;
                    scope.spawn(move || {
                        let url = format!("https://example.com/{writer}");
                        for _ in 0..60 {
                            commit(committer, &url, b"fought over").expect("committed");
                            // This URL holds it now, whatever the others do.
                            assert!(exists(committer, b"fought over"));
                            remove(committer, &url);
                        }
                    })
                })
                .collect();
            let ended: Vec<_> = writers
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .collect();
            done.store(true, order);
            assert!(ended.iter().all(Result::is_ok), "a blob was lost");
            reaper.join().expect("reaper");
        });
        committer.reap_blocking(Duration::ZERO).expect("reaped");
        assert!(!exists(&committer, b"fought over"));
    }

    #[test]
    fn a_refused_commit_leaves_no_file_behind() {
        let (directory, blobs) = temporary_store();
        let options = CatalogOptions {
            map_size_bytes: 256 << 10,
            ..CatalogOptions::default()
        };
        let path = directory.path().join("catalog");
        let catalog = Catalog::open(&path, &options, Clock::system()).expect("catalog");
        let committer = Committer::new(catalog, blobs);
        let refused = (0..10_000).find_map(|number: u32| {
            let (url, body) = (
                format!("https://example.com/{number}"),
                number.to_be_bytes(),
            );
            commit(&committer, &url, &body)
                .err()
                .map(|error| (body, error))
        });
        let (body, error) = refused.expect("the map is full at some time");
        assert!(matches!(
            error,
            CommitError::Catalog(crate::catalog::CatalogError::MapFull)
        ));
        assert!(!exists(&committer, &body));
    }

    #[test]
    fn a_missing_blob_becomes_a_miss_but_a_sound_one_stays() {
        let (_directory, committer) = committer();
        commit(&committer, URL, b"body").expect("committed");
        let digest = Sha256::of(b"body");
        assert!(!committer.recheck_blocking(&digest).expect("checked"));
        committer.blobs().remove(&digest).expect("removed");
        assert!(committer.recheck_blocking(&digest).expect("checked"));
        let key = CacheKey::of(&URL.parse().expect("url"));
        assert!(committer.catalog().responses(&key).expect("read").is_none());
        assert!(!committer.recheck_blocking(&digest).expect("checked"));
    }
}
