//! Whether the queues of eviction agree with the blobs: each blob has one place and what it takes on disk
//! is in one sum, each place has its blob, and the log has no number that is not counted.

use artifact_cache_layers::digest::Sha256;

use super::{Auditor, Inconsistency, Result, digest_of};
use crate::catalog::{
    codec,
    evictions::EvictionRecord,
    ranks::{GHOSTS, GhostRecord, LEAVING, RankRecord, place_key},
    table::Table,
};

impl Auditor<'_> {
    pub(super) fn queues(&mut self) -> Result<()> {
        let tables = self.environment.tables;
        self.each_row(tables.ranks, Self::rank)?;
        self.each_row(tables.queues, Self::place)?;
        self.each_row(tables.ghosts, Self::ghost)?;
        self.each_row(tables.evictions, |audit, key, value| {
            Ok(audit.eviction(key, value))
        })?;
        let txn = self.environment.read()?;
        let recorded = tables.queue_sums(&txn)?;
        let counted = &self.queues;
        let are_sums = (
            recorded.short,
            recorded.main,
            recorded.leaving,
            recorded.ghosts,
        ) == (counted.short, counted.main, counted.leaving, counted.ghosts);
        if !are_sums || recorded.last < counted.last || recorded.evictions < counted.evictions {
            self.found.push(Inconsistency::WrongQueues);
        }
        Ok(())
    }

    pub(super) fn wrong(&mut self, table: Table, key: &[u8]) {
        self.found.push(Inconsistency::WrongEntry {
            database: table.name,
            key: key.to_vec(),
        });
    }

    /// A blob waits in the queue that its rank names; what is to be unlinked waits in none.
    fn rank(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(digest), Ok(rank)) = (digest_of(key), codec::decode::<RankRecord>(value)) else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let is_known = tables.blobs.get(&txn, key)?.is_some();
        let is_leaving = tables.removable.get(&txn, key)?.is_some();
        let is_right = match rank.queue {
            LEAVING => is_leaving && !is_known,
            queue if queue < GHOSTS => {
                let place = place_key(queue, rank.place);
                is_known && tables.queues.get(&txn, &place)? == Some(digest.as_bytes())
            }
            _ => false,
        };
        drop(txn);
        *self.queues.of(rank.queue) += rank.allocated;
        self.queues.last = self.queues.last.max(rank.place);
        if !is_right {
            self.wrong(tables.ranks, key);
        }
        Ok(true)
    }

    fn place(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(digest), 9) = (digest_of(value), key.len()) else {
            return Ok(false);
        };
        let tables = self.environment.tables;
        if !self.has_place(&digest, key)? {
            self.wrong(tables.queues, key);
        }
        Ok(true)
    }

    /// Whether the record of a blob, or of a ghost, says that this is its place.
    fn has_place(&self, digest: &Sha256, key: &[u8]) -> Result<bool> {
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        // An unreadable record is reported with its own table.
        if key.first() == Some(&GHOSTS) {
            let bytes = tables.ghosts.get(&txn, digest.as_bytes())?;
            let ghost = bytes.map(codec::decode::<GhostRecord>);
            return Ok(ghost.is_some_and(|ghost| {
                ghost.is_err() || ghost.is_ok_and(|ghost| place_key(GHOSTS, ghost.place) == key)
            }));
        }
        let bytes = tables.ranks.get(&txn, digest.as_bytes())?;
        let rank = bytes.map(codec::decode::<RankRecord>);
        Ok(rank.is_some_and(|rank| {
            rank.is_err() || rank.is_ok_and(|rank| place_key(rank.queue, rank.place) == key)
        }))
    }

    fn ghost(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(digest), Ok(ghost)) = (digest_of(key), codec::decode::<GhostRecord>(value))
        else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let place = place_key(GHOSTS, ghost.place);
        let has_place = tables.queues.get(&txn, &place)? == Some(digest.as_bytes());
        let is_known = tables.blobs.get(&txn, key)?.is_some();
        drop(txn);
        self.queues.ghosts += ghost.allocated;
        self.queues.last = self.queues.last.max(ghost.place);
        if !has_place || is_known {
            self.wrong(tables.ghosts, key);
        }
        Ok(true)
    }

    fn eviction(&mut self, key: &[u8], value: &[u8]) -> bool {
        let number = key.try_into().map(u64::from_be_bytes);
        let (Ok(number), Ok(_)) = (number, codec::decode::<EvictionRecord<'_>>(value)) else {
            return false;
        };
        self.queues.evictions = self.queues.evictions.max(number);
        true
    }
}
