//! Uploads in several parts: what came stays on disk under a name that only its uploader knows, and the
//! next part goes on where it ended, also after a restart of the program. One part at a time: a further
//! request ends the one before, which may hang on a connection that is dead.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};
use serde::{Deserialize, Serialize};
use tokio::{sync::OwnedMutexGuard, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    upload::{Upload, UploadError, WantedDigests},
};
use crate::blob::{Partial, PartialIdentity};

/// Finished uploads that are remembered, for clients that missed the last answer.
const REMEMBERED: usize = 1000;

/// What was said when an upload was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Media type of the file.
    pub content_type: String,
    /// Length of the whole in bytes, if it was announced.
    pub length: Option<u64>,
    /// Digest that the whole must have.
    pub sha256: Option<String>,
    /// Tag of the file.
    pub tag: String,
    /// The key that it was begun with.
    pub key: String,
    /// Until when whoever knows its name may go on without a key, in seconds since 1970.
    pub open_until: Option<u64>,
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What was said when it was begun.
    pub begun: Begun,
    /// Bytes that are there.
    pub offset: u64,
}

/// The uploads of one store that somebody works with.
#[derive(Default)]
pub(super) struct Uploads {
    turns: Mutex<HashMap<CacheKey, Arc<Slot>>>,
    done: Mutex<VecDeque<(CacheKey, Sha256, u64)>>,
}

#[derive(Default)]
struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Ends the part that is coming.
    stop: Mutex<CancellationToken>,
}

/// The right to work with an upload; nobody else does meanwhile.
pub struct Turn {
    store: Store,
    key: CacheKey,
    slot: Arc<Slot>,
    guard: Option<OwnedMutexGuard<()>>,
    stop: CancellationToken,
}

/// The name of an upload on disk.
fn key_of(id: &str) -> CacheKey {
    CacheKey(Sha256::of(format!("upload:{id}").as_bytes()))
}

impl Store {
    /// Begins an upload called `id`, which nobody can guess.
    ///
    /// # Errors
    /// When there is no room for its announced length, or no file can be made.
    pub async fn begin_parts(
        &self,
        id: &str,
        begun: &Begun,
        min_free_bytes: u64,
    ) -> Result<Turn, UploadError> {
        let key = key_of(id);
        let mut identity =
            PartialIdentity::new("upload".to_owned(), String::new(), self.clock().now());
        identity.total_len = begun.length;
        identity.upload = serde_json::to_value(begun).ok();
        let grant = self
            .room()
            .reserve(begun.length.unwrap_or(0), min_free_bytes);
        let grant = grant.await.ok_or(UploadError::NoRoom)?;
        let blobs = self.blobs().clone();
        let create = spawn_blocking(move || Partial::create_resumable(&blobs, &key, &identity));
        let partial = create.await.map_err(|_| UploadError::Shutdown)?;
        let partial = partial.map_err(UploadError::of)?;
        self.kept_partials().leave(key, (partial, grant));
        Ok(self.turn(key).await)
    }

    /// How far an upload is; `None` when there is none of that name. Whoever sends a part of it is cut off.
    pub async fn parts(&self, id: &str) -> Option<(Turn, Progress)> {
        let key = key_of(id);
        self.look(key).await?;
        let turn = self.turn(key).await;
        let progress = self.look(key).await?;
        Some((turn, progress))
    }

    /// The file that an upload became a while ago, and its length.
    #[must_use]
    pub fn finished_upload(&self, id: &str) -> Option<(Sha256, u64)> {
        let key = key_of(id);
        let done = lock(&self.uploads().done);
        let found = done.iter().find(|(known, ..)| *known == key);
        found.map(|(_, digest, length)| (*digest, *length))
    }

    /// How long an upload may take.
    #[must_use]
    pub fn keeps_parts(&self) -> Duration {
        self.kept_partials().keep()
    }

    /// Removes what interrupted transfers left longer ago than may be continued.
    pub async fn drop_old_parts(&self) {
        let this = self.clone();
        drop(spawn_blocking(move || this.kept_partials().drop_old()).await);
    }

    async fn look(&self, key: CacheKey) -> Option<Progress> {
        let this = self.clone();
        let look = spawn_blocking(move || this.kept_partials().look(&key)).await;
        let (identity, offset) = look.ok()??;
        let begun = serde_json::from_value(identity.upload?).ok()?;
        Some(Progress { begun, offset })
    }

    async fn turn(&self, key: CacheKey) -> Turn {
        let slot = lock(&self.uploads().turns).entry(key).or_default().clone();
        lock(&slot.stop).cancel();
        let turn = slot.turn.clone().lock_owned().await;
        let stop = CancellationToken::new();
        *lock(&slot.stop) = stop.clone();
        Turn {
            store: self.clone(),
            key,
            slot,
            guard: Some(turn),
            stop,
        }
    }
}

impl Turn {
    /// Cancelled when somebody else wants to work with it.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Goes on with it. Only the last part has digests.
    ///
    /// # Errors
    /// When what was there is gone.
    pub async fn resume(
        &self,
        is_last: bool,
        wanted: WantedDigests,
        min_free_bytes: u64,
    ) -> Result<Upload, UploadError> {
        let (store, key) = (self.store.clone(), self.key);
        let reopen = spawn_blocking(move || store.kept_partials().reopen(&key)).await;
        let reopened = reopen.map_err(|_| UploadError::Shutdown)?;
        let reopened = reopened.ok_or(UploadError::Disk(io::ErrorKind::NotFound.into()))?;
        Ok(Upload::resume(reopened, is_last, wanted, min_free_bytes))
    }

    /// Leaves what came for a later part; how much is there then.
    ///
    /// # Errors
    /// When the disk failed; nothing is left then.
    pub async fn pause(&self, upload: Upload) -> Result<u64, UploadError> {
        let (partial, length, grant) = upload.pause().await?;
        let kept = self.store.kept_partials();
        kept.leave(self.key, (partial, grant));
        Ok(length)
    }

    /// It has become a file.
    pub fn finished(&self, digest: Sha256, length: u64) {
        let mut done = lock(&self.store.uploads().done);
        done.push_front((self.key, digest, length));
        done.truncate(REMEMBERED);
    }

    /// Removes it.
    pub async fn cancel(self) {
        let (store, key) = (self.store.clone(), self.key);
        drop(spawn_blocking(move || store.kept_partials().reopen(&key)).await);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = lock(&self.store.uploads().turns);
        // One is the table's, one is ours: nobody waits.
        if Arc::strong_count(&self.slot) <= 2 {
            turns.remove(&self.key);
        }
    }
}

/// The seconds since 1970, as records keep them.
#[must_use]
pub fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Each use is a few operations of a map that do not panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
