//! The queues of eviction as they are recorded, and plans over them. The policy itself is in `policy`.

use artifact_cache_layers::digest::Sha256;
use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, CatalogError, Result, codec,
    environment::Tables,
    policy::{self, Entry, Plan, Queue, Queues, Sums},
};

/// Where the sums of the queues are recorded in `meta`.
pub(super) const QUEUES_KEY: &[u8] = b"queues";
/// First byte of the places of ghosts.
pub(super) const GHOSTS: u8 = 2;
/// A blob that is in no queue, because it waits for its removal.
pub(super) const LEAVING: u8 = 3;
/// URLs of one blob whose uses are counted.
const HOLDERS: usize = 16;

/// Where a blob waits, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RankRecord {
    pub(super) queue: u8,
    pub(super) place: u64,
    /// Bytes on disk.
    pub(super) allocated: u64,
    /// Hits of its URLs that do not count here.
    pub(super) hits_before: u64,
}

/// Numbers of the queues; one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QueueSums {
    /// The last place given; never used twice. 0 before the first.
    pub(super) last: u64,
    pub(super) short: u64,
    pub(super) main: u64,
    /// Bytes of blobs that wait for their removal.
    pub(super) leaving: u64,
    /// Bytes that the ghosts had.
    pub(super) ghosts: u64,
    /// The number of the last eviction in the log.
    pub(super) evictions: u64,
}

impl QueueSums {
    /// What all blobs take on disk.
    pub(super) const fn allocated(&self) -> u64 {
        self.short + self.main + self.leaving
    }

    /// The sum that a blob in `queue` is part of.
    pub(super) const fn of(&mut self, queue: u8) -> &mut u64 {
        match queue {
            0 => &mut self.short,
            1 => &mut self.main,
            GHOSTS => &mut self.ghosts,
            _ => &mut self.leaving,
        }
    }
}

/// What is remembered of a blob that was evicted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct GhostRecord {
    pub(super) place: u64,
    pub(super) allocated: u64,
}

/// What a blob of this length takes on disk if nobody looked: whole blocks, and one for what is written
/// beside it.
pub(super) const fn estimate(size_bytes: u64) -> u64 {
    const BLOCK: u64 = 4096;
    size_bytes.next_multiple_of(BLOCK).saturating_add(BLOCK)
}

/// The key of a place.
pub(super) fn place_key(queue: u8, place: u64) -> [u8; 9] {
    let mut key = [queue; 9];
    key[1..].copy_from_slice(&place.to_be_bytes());
    key
}

fn place_of(key: &[u8]) -> u64 {
    let bytes = key.get(1..).and_then(|rest| rest.try_into().ok());
    bytes.map_or(u64::MAX, u64::from_be_bytes)
}

impl Catalog {
    /// What would free `wanted` bytes, looking at `most` blobs at most. `until` is the youngest place
    /// that is looked at. `must_stay` is asked of each blob that would go and nothing in the catalog
    /// keeps. Hits that are not flushed yet do not count.
    pub fn plan_eviction(
        &self,
        wanted: u64,
        most: usize,
        until: u64,
        must_stay: &mut dyn FnMut(&Sha256) -> bool,
    ) -> Result<Plan> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let sums = tables.queue_sums(&txn)?;
        let mut queues = Reading {
            tables,
            txn: &txn,
            after: [0; 2],
            until,
            must_stay,
        };
        let sums = Sums {
            short: sums.short,
            main: sums.main,
        };
        policy::plan(&mut queues, sums, wanted, most)
    }

    /// What a blob was recorded to take on disk, in bytes.
    pub fn allocated_of(&self, digest: &Sha256) -> Result<Option<u64>> {
        let txn = self.environment().read()?;
        let rank = self.environment().tables.rank(&txn, digest)?;
        Ok(rank.map(|rank| rank.allocated))
    }

    /// The youngest place in the queues.
    pub fn youngest_place(&self) -> Result<u64> {
        let txn = self.environment().read()?;
        Ok(self.environment().tables.queue_sums(&txn)?.last)
    }
}

/// The queues in one read transaction.
struct Reading<'r, 't> {
    tables: &'r Tables,
    txn: &'r RoTxn<'t>,
    /// The last place given of each queue.
    after: [u64; 2],
    until: u64,
    must_stay: &'r mut dyn FnMut(&Sha256) -> bool,
}

impl Queues for Reading<'_, '_> {
    type Error = CatalogError;

    fn next(&mut self, queue: Queue) -> Result<Option<Entry>> {
        loop {
            let after = self.after[queue as usize];
            let found = self.tables.in_queue(self.txn, queue as u8, after)?;
            let Some((place, digest)) = found.filter(|(place, _)| *place <= self.until) else {
                return Ok(None);
            };
            self.after[queue as usize] = place;
            // A place without a rank is of no use to anybody; `fsck` takes it away.
            if let Some(rank) = self.tables.rank(self.txn, &digest)? {
                let bytes = rank.allocated;
                return Ok(Some(Entry {
                    digest,
                    place,
                    bytes,
                }));
            }
        }
    }

    fn uses(&mut self, entry: &Entry) -> Result<u64> {
        let rank = self.tables.rank(self.txn, &entry.digest)?;
        let before = rank.map_or(0, |rank| rank.hits_before);
        let hits = self.tables.hits_of_blob(self.txn, &entry.digest)?;
        Ok(hits.saturating_sub(before))
    }

    fn must_stay(&mut self, entry: &Entry) -> Result<bool> {
        let is_kept = self.tables.keeper(self.txn, &entry.digest)?.is_some();
        Ok(is_kept || (self.must_stay)(&entry.digest))
    }
}

impl Tables {
    pub(super) fn queue_sums(&self, txn: &RoTxn<'_>) -> Result<QueueSums> {
        let sums = self.meta.record(txn, QUEUES_KEY, codec::decode)?;
        Ok(sums.unwrap_or_default())
    }

    pub(super) fn rank(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<RankRecord>> {
        self.ranks.record(txn, digest.as_bytes(), codec::decode)
    }

    /// The first blob of a queue behind the place `after`.
    pub(super) fn in_queue(
        &self,
        txn: &RoTxn<'_>,
        queue: u8,
        after: u64,
    ) -> Result<Option<(u64, Sha256)>> {
        use std::ops::Bound::{Excluded, Included};
        let (start, end) = (place_key(queue, after), place_key(queue, u64::MAX));
        let range = (Excluded(&start[..]), Included(&end[..]));
        let mut rows = self.queues.lmdb.range(txn, &range)?;
        let Some(row) = rows.next() else {
            return Ok(None);
        };
        let (key, digest) = row?;
        let digest = <[u8; 32]>::try_from(digest).map(Sha256::from);
        Ok(digest.ok().map(|digest| (place_of(key), digest)))
    }

    /// Hits of the URLs whose present answer has the blob. The hits of a URL are those of what it has
    /// now: what it had before goes when its turn comes.
    pub(super) fn hits_of_blob(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<u64> {
        let mut sum = 0_u64;
        for key in self.holders(txn, digest, HOLDERS)? {
            let Some(set) = self.set(txn, &key)? else {
                continue;
            };
            let newest = set.versions.first().map(|version| version.digest);
            if newest == Some(*digest) || set.index_of(digest).is_some() {
                sum = sum.saturating_add(self.hits(txn, set.id)?.access_count);
            }
        }
        Ok(sum)
    }
}
