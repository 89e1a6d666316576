//! The places of blobs in the queues of eviction, kept in step with the blobs; pins.

use artifact_cache_layers::digest::Sha256;

use super::{Result, Transaction, Written, codec};
use crate::catalog::{
    codec::nanoseconds,
    pins::{PinOf, PinRecord, pin_key},
    policy::{self, Queue},
    ranks::{GHOSTS, GhostRecord, LEAVING, RankRecord, estimate, place_key},
};

/// Blobs that older versions stored and that get their places at once.
const CHUNK: usize = 1024;

impl Transaction<'_> {
    /// Gives a blob that just became known its place.
    pub(super) fn enqueue(&mut self, digest: &Sha256, size_bytes: u64) -> Result<()> {
        let known = self.tables.rank(&self.txn, digest)?;
        let known = known.map(|rank| rank.allocated);
        let allocated = self.allocated.or(known);
        let is_ghost = self.forget_ghost(digest)?;
        let allocated = allocated.unwrap_or_else(|| estimate(size_bytes));
        self.place(digest, policy::begins(is_ghost), allocated, 0)
    }

    /// Puts a blob at the young end of a queue, from wherever it is.
    pub(super) fn place(
        &mut self,
        digest: &Sha256,
        queue: Queue,
        allocated: u64,
        hits_before: u64,
    ) -> Result<()> {
        self.unrank(digest)?;
        self.queues.last += 1;
        let rank = RankRecord {
            queue: queue as u8,
            place: self.queues.last,
            allocated,
            hits_before,
        };
        let queues = self.tables.queues;
        let key = place_key(rank.queue, rank.place);
        queues.put(&mut self.txn, &key, digest.as_bytes())?;
        self.put_rank(digest, &rank)
    }

    fn put_rank(&mut self, digest: &Sha256, rank: &RankRecord) -> Result<()> {
        *self.queues.of(rank.queue) += rank.allocated;
        let ranks = self.tables.ranks;
        ranks.put_record(&mut self.txn, digest.as_bytes(), codec::encode(rank))
    }

    /// Corrects what a blob takes on disk.
    pub(super) fn measure(&mut self, digest: &Sha256, allocated: u64) -> Result<Written> {
        if let Some(rank) = self.tables.rank(&self.txn, digest)? {
            let sum = self.queues.of(rank.queue);
            *sum = sum.saturating_sub(rank.allocated);
            self.put_rank(digest, &RankRecord { allocated, ..rank })?;
        }
        Ok(Written::default())
    }

    /// Takes a blob that is to be unlinked out of its queue. Until it is, it takes room.
    pub(super) fn dequeue(&mut self, digest: &Sha256) -> Result<()> {
        let Some(rank) = self.tables.rank(&self.txn, digest)? else {
            return Ok(());
        };
        self.unrank(digest)?;
        let queue = LEAVING;
        self.put_rank(digest, &RankRecord { queue, ..rank })
    }

    /// Removes the rank of a blob, and what it takes from the sums.
    pub(super) fn unrank(&mut self, digest: &Sha256) -> Result<()> {
        let Some(rank) = self.tables.rank(&self.txn, digest)? else {
            return Ok(());
        };
        let sum = self.queues.of(rank.queue);
        *sum = sum.saturating_sub(rank.allocated);
        if rank.queue != LEAVING {
            let key = place_key(rank.queue, rank.place);
            self.tables.queues.delete(&mut self.txn, &key)?;
        }
        self.tables.ranks.delete(&mut self.txn, digest.as_bytes())?;
        Ok(())
    }

    /// Remembers an evicted blob for as long as the others that are remembered are no more than what
    /// is stored.
    pub(super) fn remember_ghost(&mut self, digest: &Sha256, allocated: u64) -> Result<()> {
        self.forget_ghost(digest)?;
        self.queues.last += 1;
        let place = self.queues.last;
        let record = codec::encode(&GhostRecord { place, allocated });
        let (ghosts, queues) = (self.tables.ghosts, self.tables.queues);
        ghosts.put_record(&mut self.txn, digest.as_bytes(), record)?;
        queues.put(&mut self.txn, &place_key(GHOSTS, place), digest.as_bytes())?;
        self.queues.ghosts += allocated;
        while self.queues.ghosts > self.queues.short + self.queues.main {
            let Some((place, oldest)) = self.tables.in_queue(&self.txn, GHOSTS, 0)? else {
                self.queues.ghosts = 0;
                break;
            };
            let key = place_key(GHOSTS, place);
            if !self.forget_ghost(&oldest)? {
                self.tables.queues.delete(&mut self.txn, &key)?;
            }
        }
        Ok(())
    }

    /// Whether the blob was remembered.
    fn forget_ghost(&mut self, digest: &Sha256) -> Result<bool> {
        let ghosts = self.tables.ghosts;
        let record = ghosts.record(&self.txn, digest.as_bytes(), codec::decode::<GhostRecord>)?;
        let Some(ghost) = record else {
            return Ok(false);
        };
        ghosts.delete(&mut self.txn, digest.as_bytes())?;
        let key = place_key(GHOSTS, ghost.place);
        self.tables.queues.delete(&mut self.txn, &key)?;
        self.queues.ghosts = self.queues.ghosts.saturating_sub(ghost.allocated);
        Ok(true)
    }

    /// Gives places to the blobs of a catalog that had none. Once: then there are sums.
    pub(in crate::catalog) fn enqueue_older(&mut self) -> Result<()> {
        if self.queues.last == 0 && self.counters.blobs > 0 {
            self.requeue()?;
        }
        Ok(())
    }

    /// Makes ranks and sums right for the blobs there are. What waits for its removal keeps its rank.
    pub(super) fn requeue(&mut self) -> Result<()> {
        let (last, evictions) = (self.queues.last.max(1), self.queues.evictions);
        let tables = self.tables;
        tables.queues.lmdb.clear(&mut self.txn)?;
        tables.ghosts.lmdb.clear(&mut self.txn)?;
        self.queues = crate::catalog::ranks::QueueSums {
            last,
            evictions,
            ..Default::default()
        };
        let mut old = self.sound_ranks()?;
        tables.ranks.lmdb.clear(&mut self.txn)?;
        // In the order that they had; what had none comes last.
        old.sort_by_key(|(_, rank)| rank.place);
        for (digest, rank) in &old {
            let is_known = self
                .tables
                .blobs
                .get(&self.txn, digest.as_bytes())?
                .is_some();
            let is_leaving = self
                .tables
                .removable
                .get(&self.txn, digest.as_bytes())?
                .is_some();
            match (is_known, is_leaving) {
                (true, _) if rank.queue == Queue::Short as u8 => {
                    self.place(digest, Queue::Short, rank.allocated, rank.hits_before)?;
                }
                (true, _) => self.place(digest, Queue::Main, rank.allocated, rank.hits_before)?,
                (false, true) => self.put_rank(
                    digest,
                    &RankRecord {
                        queue: LEAVING,
                        ..*rank
                    },
                )?,
                (false, false) => {}
            }
        }
        self.enqueue_unranked()
    }

    fn sound_ranks(&self) -> Result<Vec<(Sha256, RankRecord)>> {
        let rows = self.tables.ranks.rows(&self.txn, None, usize::MAX)?;
        let rank = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let digest = <[u8; 32]>::try_from(&key[..]).ok()?;
            Some((digest.into(), codec::decode(value).ok()?))
        };
        Ok(rows.iter().filter_map(rank).collect())
    }

    /// Blobs that nobody ranked are ranked as if they had just been stored.
    fn enqueue_unranked(&mut self) -> Result<()> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.tables.blobs.rows(&self.txn, after.as_deref(), CHUNK)?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (key, value) in &rows {
                let digest = <[u8; 32]>::try_from(&key[..]).map(Sha256::from);
                let (Ok(digest), Ok(blob)) = (digest, codec::decode_blob(value)) else {
                    continue;
                };
                if self.tables.rank(&self.txn, &digest)?.is_none() {
                    self.enqueue(&digest, blob.size_bytes)?;
                }
            }
        }
    }

    pub(super) fn pin(&mut self, of: &PinOf, note: &str) -> Result<Written> {
        let since = nanoseconds(self.now);
        let record = codec::encode(&PinRecord { since, note });
        let pins = self.tables.pins;
        pins.put_record(&mut self.txn, &pin_key(of), record)?;
        Ok(Written::default())
    }

    pub(super) fn unpin(&mut self, of: &PinOf) -> Result<Written> {
        let pins = self.tables.pins;
        pins.delete(&mut self.txn, &pin_key(of))?;
        Ok(Written::default())
    }
}
