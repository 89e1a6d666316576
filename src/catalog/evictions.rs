//! The log of evictions: the last ten thousand.

use std::time::SystemTime;

use artifact_cache_layers::digest::Sha256;
use serde::{Deserialize, Serialize};

use super::{Catalog, Result, codec, policy::Queue};

/// Evictions that are remembered.
pub const MAX_EVICTIONS: u64 = 10_000;
/// URLs of one eviction that are remembered.
pub(super) const MAX_URLS: usize = 8;

/// What was evicted by a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// The blob.
    pub digest: Sha256,
    /// What it took on disk, in bytes.
    pub allocated: u64,
    /// URLs that had it.
    pub urls: u64,
}

/// An eviction in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// Its number; greater is later.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The blob.
    pub digest: Sha256,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// What it took on disk, in bytes.
    pub allocated: u64,
    /// Some of the URLs that had it.
    pub urls: Vec<String>,
    /// How many URLs had it.
    pub url_count: u64,
    /// Where it waited: `short` had never been used since it was stored.
    pub queue: Queue,
    /// How often its URLs were hit.
    pub hits: u64,
    /// When it was stored.
    pub stored_at: SystemTime,
    /// When one of its URLs was hit last, if ever.
    pub last_accessed_at: Option<SystemTime>,
    /// Why there had to be room.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EvictionRecord<'a> {
    pub(super) at: u64,
    pub(super) digest: [u8; 32],
    pub(super) size_bytes: u64,
    pub(super) allocated: u64,
    pub(super) urls: Vec<String>,
    pub(super) url_count: u64,
    pub(super) is_main: bool,
    pub(super) hits: u64,
    pub(super) stored_at: u64,
    pub(super) last_accessed_at: u64,
    pub(super) reason: &'a str,
}

impl EvictionRecord<'_> {
    fn of(self, number: u64) -> Eviction {
        let accessed = (self.last_accessed_at > 0).then_some(self.last_accessed_at);
        Eviction {
            number,
            at: codec::time(self.at),
            digest: self.digest.into(),
            size_bytes: self.size_bytes,
            allocated: self.allocated,
            urls: self.urls,
            url_count: self.url_count,
            queue: if self.is_main {
                Queue::Main
            } else {
                Queue::Short
            },
            hits: self.hits,
            stored_at: codec::time(self.stored_at),
            last_accessed_at: accessed.map(codec::time),
            reason: self.reason.to_owned(),
        }
    }
}

impl Catalog {
    /// At most `limit` evictions before the number `before`, the latest first.
    pub fn evictions(&self, before: u64, limit: usize) -> Result<Vec<Eviction>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let txn = self.environment().read()?;
        let table = self.environment().tables.evictions;
        let end = before.to_be_bytes();
        let range = (Unbounded, Excluded(&end[..]));
        let mut found = Vec::new();
        for row in table.lmdb.rev_range(&txn, &range)?.take(limit) {
            let (key, value) = row?;
            let number = key.try_into().map_or(0, u64::from_be_bytes);
            let record = table.sound(codec::decode::<EvictionRecord<'_>>(value))?;
            found.push(record.of(number));
        }
        Ok(found)
    }
}
