//! What was not stored lately, and why: for whoever asks. Bounded; nothing depends on it.

use artifact_cache_layers::semantics::cache_key::CacheKey;
use quick_cache::sync::Cache;

/// Most URLs that are remembered.
const MOST: usize = 4096;

/// The latest reasons by key.
pub(super) struct Refusals(Cache<CacheKey, &'static str>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Refusals {
    pub(super) fn note(&self, key: CacheKey, reason: &'static str) {
        self.0.insert(key, reason);
    }

    pub(super) fn find(&self, key: &CacheKey) -> Option<&'static str> {
        self.0.get(key)
    }

    /// It has been stored since.
    pub(super) fn forget(&self, key: &CacheKey) {
        self.0.remove(key);
    }
}
