//! Parts that interrupted transfers left behind, until the next request for them continues or drops
//! them. Their files are found by name once, at start; after that only this knows of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artifact_cache_layers::{
    cache::Part,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
};
use http::HeaderValue;

use super::{
    lookup::Content,
    room::{Grant, Room},
};
use crate::{
    blob::{Blob, BlobStore, Partial, PartialIdentity},
    clock::Clock,
};

/// A part that may be continued.
pub(super) struct KeptPartial {
    pub(super) partial: Partial,
    pub(super) length: u64,
    pub(super) validator: HeaderValue,
    response: Option<StoredResponse>,
    /// What it takes on disk.
    grant: Grant,
}

/// The parts that may be continued.
pub(super) struct KeptPartials {
    blobs: BlobStore,
    keep: Duration,
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Files that were left, not looked at yet, and what they take on disk.
    left: HashMap<CacheKey, Grant>,
    /// Opened for a request that has not been admitted yet.
    open: HashMap<CacheKey, KeptPartial>,
}

impl KeptPartials {
    pub(super) fn new((blobs, room): (BlobStore, Room), keep: Duration, clock: Clock) -> Self {
        let left = blobs.left_parts().into_iter();
        let state = State {
            left: left.map(|(key, bytes)| (key, room.taken(bytes))).collect(),
            open: HashMap::new(),
        };
        Self {
            blobs,
            keep,
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Leaves a part behind.
    pub(super) fn leave(&self, key: CacheKey, (partial, grant): (Partial, Grant)) {
        partial.keep();
        self.lock().left.insert(key, grant);
    }

    /// Removes some part that nobody continues at present; whether there was one. Blocks.
    pub(super) fn drop_one(&self) -> bool {
        let mut state = self.lock();
        let Some(key) = state.left.keys().next().copied() else {
            // One that was only read, or that a request is about to continue: that asks for the whole then.
            let open = state.open.keys().next().copied();
            let dropped = open.and_then(|key| state.open.remove(&key));
            drop(state);
            return dropped.is_some();
        };
        let grant = state.left.remove(&key);
        drop(state);
        // Dropped before it is kept again, it disappears.
        let reopened = Partial::reopen(&self.blobs, &key, self.keep, self.clock.now());
        drop((reopened, grant));
        true
    }

    /// Takes what was left of `key`, to go on with it: the file, its length, and what it has on disk.
    /// Blocks.
    pub(super) fn reopen(&self, key: &CacheKey) -> Option<(Partial, u64, Grant)> {
        let grant = self.lock().left.remove(key)?;
        let reopened = Partial::reopen(&self.blobs, key, self.keep, self.clock.now());
        let (partial, _, length) = reopened.ok()??;
        Some((partial, length, grant))
    }

    /// What is known of what was left of `key`, or is being continued: its identity and its length. Blocks.
    pub(super) fn look(&self, key: &CacheKey) -> Option<(PartialIdentity, u64)> {
        Partial::look(&self.blobs, key, self.keep, self.clock.now())
    }

    /// How long a part is kept.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    /// Removes the parts that may not be continued any more. Blocks.
    pub(super) fn drop_old(&self) {
        let left: Vec<_> = self.lock().left.keys().copied().collect();
        for key in left.iter().filter(|key| self.look(key).is_none()) {
            // Whoever opens one that is too old removes it.
            drop(self.reopen(key));
        }
    }

    /// Length and validator of what was left of `key`.
    pub(super) async fn find(&self, key: &CacheKey) -> Option<(u64, HeaderValue)> {
        let grant = {
            let mut state = self.lock();
            if let Some(open) = state.open.get(key) {
                return Some((open.length, open.validator.clone()));
            }
            state.left.remove(key)?
        };
        let (blobs, key, keep, now) = (self.blobs.clone(), *key, self.keep, self.clock.now());
        let reopen = move || Partial::reopen(&blobs, &key, keep, now);
        let reopened = tokio::task::spawn_blocking(reopen).await;
        let (partial, identity, length) = reopened.ok()?.ok()??;
        // The last byte is asked for again: there is no request for the rest of a part that is whole.
        let length = length.checked_sub(1).filter(|&length| length > 0)?;
        let validator = HeaderValue::try_from(identity.validator).ok()?;
        let response = identity.response.and_then(|response| response.read());
        let found = (length, validator.clone());
        self.lock().open.insert(
            key,
            KeptPartial {
                partial,
                length,
                validator,
                response: response.map(|(_, _, response)| response),
                grant,
            },
        );
        Some(found)
    }

    /// What is there of `key`, to be read as it is; `None` when the length of the whole is not known.
    pub(super) async fn part(&self, key: &CacheKey) -> Option<Part<Content>> {
        let (available, _) = self.find(key).await?;
        let state = self.lock();
        let open = state.open.get(key)?;
        Some(Part {
            response: open.response.clone()?,
            content: Content::File(Arc::new(Blob {
                file: open.partial.file().clone(),
                len: available,
            })),
            available,
        })
    }

    /// Removes what was left of `key`.
    pub(super) async fn forget(&self, key: &CacheKey) {
        if self.find(key).await.is_some() {
            drop(self.take(key));
        }
    }

    /// Takes what [`KeptPartials::find`] found. Dropping it removes the file.
    pub(super) fn take(&self, key: &CacheKey) -> Option<KeptPartial> {
        self.lock().open.remove(key)
    }

    /// How many parts there are.
    pub(super) fn count(&self) -> u64 {
        let state = self.lock();
        (state.left.len() + state.open.len()) as u64
    }

    /// Leaves every part as a file: at shutdown.
    pub(super) fn leave_all(&self) {
        let open = std::mem::take(&mut self.lock().open);
        for (key, kept) in open {
            self.leave(key, (kept.partial, kept.grant));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each use is a few map operations that do not panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
