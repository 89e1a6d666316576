//! Why a blob is there, or is not: who keeps it, when it would go, and what was evicted.

use artifact_cache_layers::digest::Sha256;

use super::{Catalog, Eviction, Keeper, Result, policy::Queue, ranks::LEAVING, read::reference};

/// Blobs ahead of one that are counted.
pub const MAX_AHEAD: u64 = 10_000;
/// Evictions that one question looks at.
const CHUNK: usize = 500;

/// Where a blob stands in the queues of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The queue; `None` while it waits for its removal.
    pub queue: Option<Queue>,
    /// Blobs of the same queue that are looked at before; at most [`MAX_AHEAD`] are counted.
    pub ahead: u64,
    /// Bytes that they take on disk.
    pub ahead_bytes: u64,
    /// Uses since it was put there.
    pub uses: u64,
    /// What it takes on disk, in bytes.
    pub allocated: u64,
}

impl Catalog {
    /// Where a blob stands; `None` when there is none. Looks at up to 10,000 others: not for async
    /// threads.
    pub fn standing(&self, digest: &Sha256) -> Result<Option<Standing>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let Some(rank) = tables.rank(&txn, digest)? else {
            return Ok(None);
        };
        let queue = match rank.queue {
            0 => Some(Queue::Short),
            LEAVING => None,
            _ => Some(Queue::Main),
        };
        let (mut ahead, mut ahead_bytes, mut after) = (0, 0, 0);
        while let Some(queue) = queue.filter(|_| ahead < MAX_AHEAD) {
            let Some((place, other)) = tables.in_queue(&txn, queue as u8, after)? else {
                break;
            };
            if place >= rank.place {
                break;
            }
            let bytes = tables
                .rank(&txn, &other)?
                .map_or(0, |other| other.allocated);
            (ahead, ahead_bytes, after) = (ahead + 1, ahead_bytes + bytes, place);
        }
        let hits = tables.hits_of_blob(&txn, digest)?;
        Ok(Some(Standing {
            queue,
            ahead,
            ahead_bytes,
            uses: hits.saturating_sub(rank.hits_before),
            allocated: rank.allocated,
        }))
    }

    /// Every reason in the catalog for which a blob is kept whatever the room.
    pub fn keepers(&self, digest: &Sha256) -> Result<Vec<Keeper>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let mut keepers = Vec::new();
        if tables.is_in_production(&txn, digest)? {
            keepers.push(Keeper::Production);
        }
        keepers.extend(tables.pointer_to(&txn, digest)?.map(Keeper::Pointer));
        if tables.is_file(&txn, digest)? {
            keepers.push(Keeper::Upload);
        }
        keepers.extend(tables.pin(&txn, digest)?.map(Keeper::Pin));
        Ok(keepers)
    }

    /// At most `limit` URLs that hold a blob, whatever they answer now.
    pub fn urls_of(&self, digest: &Sha256, limit: usize) -> Result<Vec<String>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let mut urls = Vec::new();
        for key in tables.references.keys(&txn, digest.as_bytes(), limit)? {
            let Some((_, key)) = reference(&key) else {
                continue;
            };
            urls.extend(
                tables
                    .set(&txn, &key)?
                    .map(|set| set.uri.as_str().to_owned()),
            );
        }
        Ok(urls)
    }

    /// The evictions that `suits` picks, the latest first, at most `limit`. Looks at the whole log: not
    /// for async threads.
    pub fn evictions_that(
        &self,
        limit: usize,
        mut suits: impl FnMut(&Eviction) -> bool,
    ) -> Result<Vec<Eviction>> {
        let (mut before, mut found) = (u64::MAX, Vec::new());
        loop {
            let chunk = self.evictions(before, CHUNK)?;
            let Some(last) = chunk.last() else {
                return Ok(found);
            };
            before = last.number;
            found.extend(chunk.into_iter().filter(&mut suits));
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
}
