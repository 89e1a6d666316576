//! Response sets that were decoded before. LMDB is asked each time all the same: a decoded set is
//! used only when its revision is the one just read, so a reader never sees less than what is committed.

use std::sync::Arc;

use artifact_cache_layers::semantics::cache_key::CacheKey;

use super::{CatalogError, ResponseSet, codec, environment::Environment};

/// Bytes of decoded sets kept, weighed by their encoded length.
const CAPACITY_BYTES: u64 = 16 << 20;
/// What a decoded set costs beside its bytes, roughly.
const OVERHEAD_BYTES: u64 = 512;
/// How many sets of usual size that is: room made at the start.
const EXPECTED: usize = 16 * 1024;

pub(super) struct Decoded(quick_cache::sync::Cache<CacheKey, Revised, ByBytes>);

#[derive(Clone)]
struct Revised {
    revision: u64,
    encoded_bytes: u64,
    set: Arc<ResponseSet>,
}

#[derive(Clone)]
struct ByBytes;

impl quick_cache::Weighter<CacheKey, Revised> for ByBytes {
    fn weight(&self, _: &CacheKey, revised: &Revised) -> u64 {
        revised.encoded_bytes + OVERHEAD_BYTES
    }
}

impl Decoded {
    pub(super) fn new() -> Self {
        let cache = quick_cache::sync::Cache::with_weighter(EXPECTED, CAPACITY_BYTES, ByBytes);
        Self(cache)
    }

    /// The set of `key` as it is committed now.
    pub(super) fn read(
        &self,
        environment: &Environment,
        key: &CacheKey,
    ) -> Result<Option<Arc<ResponseSet>>, CatalogError> {
        let txn = environment.read()?;
        let table = environment.tables.responses;
        let Some(bytes) = table.get(&txn, key.as_bytes())? else {
            return Ok(None);
        };
        let (revision, _) = table.sound(codec::revision(bytes))?;
        if let Some(known) = self.0.get(key).filter(|known| known.revision == revision) {
            return Ok(Some(known.set));
        }
        let revised = Revised {
            revision,
            encoded_bytes: bytes.len() as u64,
            set: Arc::new(ResponseSet {
                revision,
                ..table.sound(codec::decode_set(bytes))?
            }),
        };
        let set = Arc::clone(&revised.set);
        self.0.insert(*key, revised);
        Ok(Some(set))
    }
}
