//! Hits that are given again without a look into the catalog, for as long as nothing was written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use artifact_cache_layers::{
    body::Body,
    cache::{Content as _, StoredSet as _},
    digest::Sha256,
    extensions::Repeat,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
};

use super::{Store, lookup::Content};
use crate::catalog::ResponseSet;

/// The bytes of a committed response, for as long as its URL is not written again.
struct Repeated {
    store: Store,
    key: CacheKey,
    artifact: u64,
    revision: u64,
    digest: Sha256,
    length: u64,
    /// The catalog's commits when the revision was seen last.
    commits: AtomicU64,
}

impl Store {
    /// A way to the bytes of a response that was just read; none while a commit of its URL is under way.
    pub(super) fn repeated(
        &self,
        set: &ResponseSet,
        response: &StoredResponse,
    ) -> Option<Arc<dyn Repeat>> {
        // Before the look that follows: what is committed in between makes the next hit look again.
        let commits = self.catalog().commits();
        let repeated = Repeated {
            store: self.clone(),
            key: CacheKey::of(&set.uri),
            artifact: set.id,
            revision: set.revision(),
            digest: response.digest,
            length: response.length,
            commits: commits.into(),
        };
        (set.id != 0 && repeated.is_unwritten()).then(|| Arc::new(repeated) as Arc<dyn Repeat>)
    }
}

impl Repeated {
    /// While nothing at all was committed the URL was not written either, and LMDB is not asked.
    fn is_current(&self) -> bool {
        if self.store.pending().set(&self.key).is_some() {
            return false;
        }
        let commits = self.store.catalog().commits();
        if self.commits.load(Ordering::Relaxed) == commits {
            return true;
        }
        let is_current = self.is_unwritten();
        if is_current {
            self.commits.store(commits, Ordering::Relaxed);
        }
        is_current
    }

    fn is_unwritten(&self) -> bool {
        self.store.pending().set(&self.key).is_none()
            && self.store.revision(&self.key) == self.revision
    }

    fn bytes(&self) -> Option<Content> {
        let blobs = self.store.blobs();
        if let Some(bytes) = blobs.small(&self.digest) {
            return Some(Content::Memory(bytes));
        }
        let blob = blobs.open_blob(&self.digest, self.length).ok()??;
        Some(Content::File(blob))
    }
}

impl Repeat for Repeated {
    fn repeat(&self) -> Option<Body> {
        let bytes = self.is_current().then(|| self.bytes()).flatten()?;
        self.store.catalog().count_hit(self.artifact);
        Some(bytes.body(0..self.length))
    }
}
