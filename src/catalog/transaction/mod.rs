//! [`Transaction`]: one write transaction. What a change means is in the files below: `store`,
//! `remove`, `rank`, `evict`, `reindex`; each keeps the derived tables and the totals in step with the responses.

mod evict;
mod files;
mod order;
mod outbox;
mod rank;
mod registry;
mod reindex;
mod reindex_registry;
mod reindex_rest;
mod remove;
mod store;
mod tag;

use std::{collections::HashMap, time::SystemTime};

pub(super) use self::reindex_registry::{event_at, model_at};

use heed::RwTxn;

use super::{
    CatalogError, Change, Written,
    change::Addition,
    codec::{self, Counters},
    environment::{Environment, Tables},
    hits::Tally,
    ranks::{QUEUES_KEY, QueueSums},
    read::COUNTERS_KEY,
    set::ResponseSet,
};
use artifact_cache_layers::semantics::cache_key::CacheKey;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// A write transaction; nothing is visible or durable before [`Transaction::commit`].
pub(super) struct Transaction<'e> {
    pub(super) tables: Tables,
    pub(super) txn: RwTxn<'e>,
    pub(super) counters: Counters,
    queues: QueueSums,
    /// What the blob of this change takes on disk, when somebody looked.
    allocated: Option<u64>,
    pub(super) now: SystemTime,
}

impl<'e> Transaction<'e> {
    pub(super) fn begin(environment: &'e Environment, now: SystemTime) -> Result<Self> {
        let txn = environment.lmdb.write_txn()?;
        Ok(Self {
            tables: environment.tables,
            counters: environment.tables.counters(&txn)?,
            queues: environment.tables.queue_sums(&txn)?,
            allocated: None,
            txn,
            now,
        })
    }

    /// Applies one change. After an error the whole transaction must be dropped.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Written> {
        match change {
            Change::Store(addition) => self.store(addition),
            Change::Refer(addition) => self.refer(addition),
            Change::Recover(addition) => self.recover(addition),
            Change::Invalidate { key } => self.invalidate(key),
            Change::Remove { id } => self.remove_artifact(*id),
            Change::RemoveUrl { key } => self.remove_url(key),
            Change::ForgetBlob { digest } => self.forget(digest),
            Change::Condemn { digests } => self.condemn(digests),
            Change::Unlinked { digests } => self.unlinked(digests),
            Change::Abandon { digest } => self.abandon(digest),
            Change::KeepFile { file, label } => self.keep_file(file, label),
            Change::ExpireFile { digest, uploads } => self.expire_file(digest, uploads),
            Change::RemoveFile { digest, force } => self.remove_file(digest, *force),
            Change::Point { name, file, force } => self.point(name, file, *force),
            Change::Unpoint(name) => self.unpoint(name),
            Change::PutToken(token) => self.put_token(token),
            Change::RemoveToken { id } => self.remove_token(id),
            Change::UseTokens { uses } => self.use_tokens(uses),
            Change::OnDisk { allocated, change } => self.on_disk(*allocated, change),
            Change::Evict { steps, reason } => self.evict(steps, reason),
            Change::Pin { of, note } => self.pin(of, note),
            Change::Unpin(of) => self.unpin(of),
            Change::Measure { digest, allocated } => self.measure(digest, *allocated),
            Change::Tags(change) => self.tags(change),
            Change::Note { slots, mark } => self.note(slots, *mark),
            Change::PutJob(job) => self.put_job(job),
            Change::Mark { name, value } => self.mark(name, value.as_deref()),
            Change::Reindex => self.reindex(),
            Change::Registry(_)
            | Change::Announced(..)
            | Change::Delivered { .. }
            | Change::Receivers(_)
            | Change::ImportModel(..)
            | Change::Import(_) => self.apply_to_registry(change),
        }
    }

    /// The changes of the registry and of what it tells; any other changes nothing.
    fn apply_to_registry(&mut self, change: &Change) -> Result<Written> {
        match change {
            Change::Registry(order) => self.registry(order),
            Change::Announced(order, announce) => self.announced(order, announce),
            Change::Delivered { number, to } => self.delivered(*number, to),
            Change::Receivers(all) => self.receivers(all),
            Change::ImportModel(model, events) => self.import_model(model, events),
            Change::Import(import) => self.import(import),
            _ => Ok(Written::default()),
        }
    }

    fn on_disk(&mut self, allocated: u64, change: &Change) -> Result<Written> {
        self.allocated = Some(allocated);
        let written = self.apply(change);
        self.allocated = None;
        written
    }

    /// Adds buffered hits; those of artifacts that are gone are dropped.
    pub(super) fn add_hits(&mut self, hits: &HashMap<u64, Tally>) -> Result<()> {
        let mut counted = Vec::with_capacity(hits.len());
        for (id, tally) in hits {
            let key = id.to_be_bytes();
            if self.tables.artifacts.get(&self.txn, &key)?.is_none() {
                continue;
            }
            let mut record = self.tables.hits(&self.txn, *id)?;
            record.access_count = record.access_count.saturating_add(tally.count);
            record.last_accessed_at = record.last_accessed_at.max(tally.last);
            let bytes = codec::encode(&record);
            self.tables.hits.put_record(&mut self.txn, &key, bytes)?;
            self.hit_in_order(*id, record)?;
            self.counters.accesses = self.counters.accesses.saturating_add(tally.count);
            counted.push((*id, record.access_count));
        }
        self.note_top(counted, |id| hits.contains_key(&id))
    }

    /// Makes everything durable and visible at once; what all blobs take on disk then. A transaction
    /// that changed nothing costs nothing.
    pub(super) fn commit(mut self) -> Result<u64> {
        if self.tables.counters(&self.txn)? != self.counters {
            let bytes = codec::encode(&self.counters);
            let meta = self.tables.meta;
            meta.put_record(&mut self.txn, COUNTERS_KEY, bytes)?;
        }
        if self.tables.queue_sums(&self.txn)? != self.queues {
            let bytes = codec::encode(&self.queues);
            let meta = self.tables.meta;
            meta.put_record(&mut self.txn, QUEUES_KEY, bytes)?;
        }
        self.txn.commit()?;
        Ok(self.queues.allocated())
    }

    fn set(&self, key: &CacheKey) -> Result<Option<ResponseSet>> {
        self.tables.set(&self.txn, key)
    }

    /// Writes a set under a revision of its own, so that decoded copies of the old one are recognised.
    fn put_set(&mut self, key: &CacheKey, set: &ResponseSet) -> Result<()> {
        self.counters.revision += 1;
        let bytes = codec::encode_set(self.counters.revision, set);
        let responses = self.tables.responses;
        responses.put_record(&mut self.txn, key.as_bytes(), bytes)
    }
}
