//! Deriving again what can be derived: the responses are the truth; artifacts, references, blobs and
//! totals follow from them. One transaction, however large: this is a repair, not daily work.

use std::collections::BTreeSet;

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{Result, Transaction, Written, codec};
use crate::catalog::{
    codec::HitsRecord,
    files::FileRecord,
    read::{key_of, reference, reference_key},
    set::ResponseSet,
    table::Table,
};

/// Rows looked at before the next are read.
const CHUNK: usize = 1024;

impl Transaction<'_> {
    pub(super) fn reindex(&mut self) -> Result<Written> {
        self.each_row(self.tables.responses, Self::reindex_set)?;
        // The records are complete now; the passes below count what they keep.
        self.reset_counters();
        self.each_row(self.tables.artifacts, Self::reindex_artifact)?;
        self.each_row(self.tables.hits, Self::reindex_hits)?;
        self.reorder()?;
        self.retag()?;
        self.each_row(self.tables.references, Self::reindex_reference)?;
        self.each_row(self.tables.files, Self::reindex_file)?;
        self.each_row(self.tables.blobs, Self::reindex_blob)?;
        self.reindex_registry()?;
        self.reindex_rest()?;
        self.requeue()?;
        Ok(Written::default())
    }

    /// Sums start at zero; numbers that must never be used twice stay.
    fn reset_counters(&mut self) {
        self.counters = codec::Counters {
            last_id: self.counters.last_id,
            revision: self.counters.revision,
            ..codec::Counters::default()
        };
    }

    pub(super) fn each_row(
        &mut self,
        table: Table,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let rows = table.rows(&self.txn, after.as_deref(), CHUNK)?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (key, value) in &rows {
                visit(self, key, value)?;
            }
        }
    }

    /// Drops an unreadable set; makes the records that a readable one implies.
    fn reindex_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let key_bytes = <[u8; 32]>::try_from(key).ok();
        let set = codec::decode_set(value).ok();
        let (Some(key), Some(set)) = (key_bytes.map(key_of), set) else {
            return self.tables.responses.delete(&mut self.txn, key).map(drop);
        };
        self.counters.last_id = self.counters.last_id.max(set.id);
        for digest in set.digests() {
            self.reindex_digest(&key, &set, &digest)?;
        }
        self.drop_unreadable_artifact(set.id)?;
        self.describe(&key, &set)
    }

    fn reindex_digest(&mut self, key: &CacheKey, set: &ResponseSet, digest: &Sha256) -> Result<()> {
        let blobs = self.tables.blobs;
        let bytes = blobs.get(&self.txn, digest.as_bytes())?;
        if bytes.is_some_and(|bytes| codec::decode_blob(bytes).is_err()) {
            blobs.delete(&mut self.txn, digest.as_bytes())?;
        }
        self.know(digest, set.length_of(digest).unwrap_or(0))?;
        let reference = reference_key(digest, key);
        self.tables.references.put(&mut self.txn, &reference, &[])
    }

    fn drop_unreadable_artifact(&mut self, id: u64) -> Result<()> {
        if self.tables.artifact_record(&self.txn, id).is_err() {
            let artifacts = self.tables.artifacts;
            artifacts.delete(&mut self.txn, &id.to_be_bytes())?;
        }
        Ok(())
    }

    /// Drops the record of an artifact whose URL is not stored, or stored as another artifact.
    fn reindex_artifact(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let record = codec::decode::<codec::ArtifactRecord<'_>>(value).ok();
        let set = match record.map(|record| key_of(record.key)) {
            Some(key) => self.set(&key)?,
            None => None,
        };
        if set.is_some_and(|set| set.id.to_be_bytes() == key && !set.versions.is_empty()) {
            self.counters.items += 1;
            return Ok(());
        }
        self.tables.artifacts.delete(&mut self.txn, key).map(drop)
    }

    fn reindex_hits(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let hits = codec::decode::<HitsRecord>(value).ok();
        let known = self.tables.artifacts.get(&self.txn, key)?.is_some();
        let Some(hits) = hits.filter(|_| known) else {
            return self.tables.hits.delete(&mut self.txn, key).map(drop);
        };
        self.counters.accesses = self.counters.accesses.saturating_add(hits.access_count);
        Ok(())
    }

    fn reindex_reference(&mut self, bytes: &[u8], _: &[u8]) -> Result<()> {
        if let Some((digest, key)) = reference(bytes) {
            let held: Option<BTreeSet<_>> = self.set(&key)?.map(|set| set.digests());
            if held.is_some_and(|held| held.contains(&digest)) {
                self.counters.logical_size_bytes += self.size_of(&digest)?;
                return Ok(());
            }
        }
        let references = self.tables.references;
        references.delete(&mut self.txn, bytes).map(drop)
    }

    /// Drops an unreadable file; makes the blob known that a readable one implies.
    fn reindex_file(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let digest = <[u8; 32]>::try_from(key).ok().map(Sha256::from);
        let file = codec::decode::<FileRecord<'_>>(value).ok();
        let (Some(digest), Some(file)) = (digest, file) else {
            return self.tables.files.delete(&mut self.txn, key).map(drop);
        };
        let blobs = self.tables.blobs;
        let bytes = blobs.get(&self.txn, key)?;
        if bytes.is_none_or(|bytes| codec::decode_blob(bytes).is_err()) {
            blobs.delete(&mut self.txn, key)?;
            self.know_upload(&digest, file.size_bytes)?;
            // The pass over the blobs counts it.
            self.counters.blobs -= 1;
            self.counters.size_bytes -= file.size_bytes;
        }
        self.counters.logical_size_bytes += file.size_bytes;
        Ok(())
    }

    /// Counts a blob that is held; lets go of one that is not.
    fn reindex_blob(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let digest = <[u8; 32]>::try_from(key).ok().map(Sha256::from);
        let blob = codec::decode_blob(value).ok();
        let (Some(digest), Some(blob)) = (digest, blob) else {
            return self.tables.blobs.delete(&mut self.txn, key).map(drop);
        };
        self.counters.blobs += 1;
        self.counters.size_bytes += blob.size_bytes;
        if self.tables.is_held(&self.txn, &digest)? {
            return Ok(());
        }
        self.release(&digest)
    }
}
