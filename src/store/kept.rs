//! Parts that interrupted transfers left behind, until the next request for them continues or drops
//! them. Their files are found by name once, at start; after that only this knows of them.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artifact_cache_layers::{
    cache::Part,
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
};
use http::HeaderValue;

use super::lookup::Content;
use crate::{
    blob::{Blob, BlobStore, Partial},
    clock::Clock,
};

/// A part that may be continued.
pub(super) struct KeptPartial {
    pub(super) partial: Partial,
    pub(super) length: u64,
    pub(super) validator: HeaderValue,
    response: Option<StoredResponse>,
}

/// The parts that may be continued.
pub(super) struct KeptPartials {
    blobs: BlobStore,
    keep: Duration,
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Files that were left, not looked at yet.
    left: HashSet<CacheKey>,
    /// Opened for a request that has not been admitted yet.
    open: HashMap<CacheKey, KeptPartial>,
}

impl KeptPartials {
    pub(super) fn new(blobs: BlobStore, keep: Duration, clock: Clock) -> Self {
        let state = State {
            left: left_in(blobs.temporary()),
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
    pub(super) fn leave(&self, key: CacheKey, partial: Partial) {
        partial.keep();
        self.lock().left.insert(key);
    }

    /// Length and validator of what was left of `key`.
    pub(super) async fn find(&self, key: &CacheKey) -> Option<(u64, HeaderValue)> {
        {
            let mut state = self.lock();
            if let Some(open) = state.open.get(key) {
                return Some((open.length, open.validator.clone()));
            }
            if !state.left.remove(key) {
                return None;
            }
        }
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
            self.leave(key, kept.partial);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each use is a few map operations that do not panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of the parts in a directory.
fn left_in(directory: &Path) -> HashSet<CacheKey> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let parts = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "part")
    });
    let stems = parts.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    stems
        .filter_map(|stem| stem.parse::<Sha256>().ok().map(CacheKey))
        .collect()
}
