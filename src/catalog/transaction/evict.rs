//! Evicting: a plan is looked at once more in the writer's order, and what still fits is done and
//! noted.

use artifact_cache_layers::digest::Sha256;

use super::{Result, Transaction, Written, codec};
use crate::catalog::{
    codec::nanoseconds,
    evictions::{Evicted, EvictionRecord, MAX_EVICTIONS, MAX_URLS},
    policy::{Queue, Step, Verdict},
    ranks::RankRecord,
};

/// URLs of one blob whose last hit is looked for.
const LOOKED_AT: usize = 64;

impl Transaction<'_> {
    pub(super) fn evict(&mut self, steps: &[Step], reason: &str) -> Result<Written> {
        let mut written = Written::default();
        for step in steps {
            let digest = &step.entry.digest;
            let rank = self.tables.rank(&self.txn, digest)?;
            // It was removed, or stored anew, since the plan was made.
            let Some(rank) = rank.filter(|rank| rank.place == step.entry.place) else {
                continue;
            };
            let is_kept = self.tables.keeper(&self.txn, digest)?.is_some();
            match step.verdict {
                Verdict::Evict if !is_kept => {
                    let evicted = self.evict_one(digest, &rank, reason)?;
                    written.released.push(*digest);
                    written.evicted.push(evicted);
                }
                Verdict::Evict => self.keep(digest, &rank, 0)?,
                Verdict::Keep { uses } => self.keep(digest, &rank, uses)?,
            }
        }
        Ok(written)
    }

    fn keep(&mut self, digest: &Sha256, rank: &RankRecord, uses: u64) -> Result<()> {
        let hits = self.tables.hits_of_blob(&self.txn, digest)?;
        let hits_before = hits.saturating_sub(uses);
        self.place(digest, Queue::Main, rank.allocated, hits_before)
    }

    fn evict_one(&mut self, digest: &Sha256, rank: &RankRecord, reason: &str) -> Result<Evicted> {
        let (record, urls) = self.eviction(digest, rank, reason)?;
        let bytes = codec::encode(&record);
        self.queues.evictions += 1;
        let number = self.queues.evictions;
        let evictions = self.tables.evictions;
        evictions.put_record(&mut self.txn, &number.to_be_bytes(), bytes)?;
        if let Some(oldest) = number.checked_sub(MAX_EVICTIONS) {
            evictions.delete(&mut self.txn, &oldest.to_be_bytes())?;
        }
        self.forget(digest)?;
        self.remember_ghost(digest, rank.allocated)?;
        Ok(Evicted {
            digest: *digest,
            allocated: rank.allocated,
            urls,
        })
    }

    /// What is noted of a blob that goes, and how many URLs have it.
    fn eviction<'r>(
        &self,
        digest: &Sha256,
        rank: &RankRecord,
        reason: &'r str,
    ) -> Result<(EvictionRecord<'r>, u64)> {
        let holders = self.tables.holders(&self.txn, digest, usize::MAX)?;
        let (mut urls, mut hits, mut last_accessed_at) = (Vec::new(), 0, 0);
        for key in holders.iter().take(LOOKED_AT) {
            let Some(set) = self.set(key)? else { continue };
            let counted = self.tables.hits(&self.txn, set.id)?;
            hits += counted.access_count;
            last_accessed_at = last_accessed_at.max(counted.last_accessed_at);
            if urls.len() < MAX_URLS {
                urls.push(set.uri.as_str().to_owned());
            }
        }
        let blob = self.tables.blob(&self.txn, digest)?;
        let url_count = holders.len() as u64;
        let record = EvictionRecord {
            at: nanoseconds(self.now),
            digest: *digest.as_bytes(),
            size_bytes: blob.map_or(0, |blob| blob.size_bytes),
            allocated: rank.allocated,
            urls,
            url_count,
            is_main: rank.queue == Queue::Main as u8,
            hits,
            stored_at: blob.map_or(0, |blob| nanoseconds(blob.first_stored)),
            last_accessed_at,
            reason,
        };
        Ok((record, url_count))
    }
}
