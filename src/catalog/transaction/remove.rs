//! Removing, in the order "catalog first": references go, then the blob is `removable`, and only
//! after the grace period and a last look (`condemn`) is the file unlinked by `store::commit`.

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{CatalogError, Result, Transaction, Written, codec};
use crate::catalog::{
    codec::nanoseconds,
    read::{key_of, reference_key},
    set::ResponseSet,
};

impl Transaction<'_> {
    pub(super) fn invalidate(&mut self, key: &CacheKey) -> Result<Written> {
        let Some(mut set) = self.set(key)? else {
            return Ok(Written::default());
        };
        for stored in &mut set.responses {
            stored.invalidated = true;
        }
        self.put_set(key, &set)?;
        Ok(Written::of(set.id))
    }

    pub(super) fn remove_artifact(&mut self, id: u64) -> Result<Written> {
        let record = self.tables.artifact_record(&self.txn, id)?;
        let Some(key) = record.map(|record| key_of(record.key)) else {
            return Ok(Written::default());
        };
        for digest in self.set(&key)?.iter().flat_map(ResponseSet::digests) {
            if self.tables.is_in_production(&self.txn, &digest)? {
                return Err(CatalogError::InProduction(digest));
            }
        }
        self.remove_url(&key)
    }

    pub(super) fn remove_url(&mut self, key: &CacheKey) -> Result<Written> {
        let Some(mut set) = self.set(key)? else {
            return Ok(Written::default());
        };
        let before = set.digests();
        set.responses.clear();
        set.versions.clear();
        let released = self.refer_to(key, &before, &set.digests())?;
        self.put_remainder(key, &set)?;
        Ok(Written {
            artifact: Some(set.id),
            released,
            ..Written::default()
        })
    }

    /// Forgets a blob wherever it is held. Its file, should one be left, becomes removable.
    pub(super) fn forget(&mut self, digest: &Sha256) -> Result<Written> {
        self.drop_file(digest)?;
        let holders = self.tables.holders(&self.txn, digest, usize::MAX)?;
        for key in &holders {
            let Some(mut set) = self.set(key)? else {
                self.unrefer(digest, key)?;
                continue;
            };
            let before = set.digests();
            set.responses
                .retain(|stored| stored.response.digest != *digest);
            set.versions.retain(|version| version.digest != *digest);
            self.refer_to(key, &before, &set.digests())?;
            self.put_remainder(key, &set)?;
        }
        self.release(digest)?;
        Ok(Written {
            released: vec![*digest],
            ..Written::default()
        })
    }

    /// Writes what is left of a set, or removes it when nothing is.
    fn put_remainder(&mut self, key: &CacheKey, set: &ResponseSet) -> Result<()> {
        if set.versions.is_empty() {
            self.remove_record(set.id)?;
        }
        if set.is_empty() {
            let responses = self.tables.responses;
            return responses.delete(&mut self.txn, key.as_bytes()).map(drop);
        }
        self.put_set(key, set)
    }

    /// Removes the artifact's own record and its hits.
    pub(super) fn remove_record(&mut self, id: u64) -> Result<()> {
        let hits = self.tables.hits(&self.txn, id)?;
        let key = id.to_be_bytes();
        let record = self.tables.artifact_record(&self.txn, id)?;
        if let Some(url) = record.map(|record| record.source_url.to_owned()) {
            self.take_out_of_order(id, &url)?;
            self.untag_all(id)?;
        }
        self.tables.hits.delete(&mut self.txn, &key)?;
        if self.tables.artifacts.delete(&mut self.txn, &key)? {
            self.counters.items = self.counters.items.saturating_sub(1);
        }
        self.counters.accesses = self.counters.accesses.saturating_sub(hits.access_count);
        Ok(())
    }

    /// Removes one reference; whether it was the blob's last.
    pub(super) fn unrefer(&mut self, digest: &Sha256, key: &CacheKey) -> Result<bool> {
        let reference = reference_key(digest, key);
        if self.tables.references.delete(&mut self.txn, &reference)? {
            let size = self.size_of(digest)?;
            let logical = &mut self.counters.logical_size_bytes;
            *logical = logical.saturating_sub(size);
        }
        if self.tables.is_held(&self.txn, digest)? {
            if self.tables.holders(&self.txn, digest, 1)?.is_empty() {
                self.keep_private(digest)?;
            }
            return Ok(false);
        }
        self.release(digest)?;
        Ok(true)
    }

    /// Turns a blob that nobody holds into a removable one.
    pub(super) fn release(&mut self, digest: &Sha256) -> Result<()> {
        if let Some(blob) = self.tables.blob(&self.txn, digest)? {
            self.counters.blobs = self.counters.blobs.saturating_sub(1);
            let size = &mut self.counters.size_bytes;
            *size = size.saturating_sub(blob.size_bytes);
            self.tables.blobs.delete(&mut self.txn, digest.as_bytes())?;
        }
        self.dequeue(digest)?;
        let since = codec::encode(&nanoseconds(self.now));
        let removable = self.tables.removable;
        removable.put_record(&mut self.txn, digest.as_bytes(), since)
    }

    /// Those of `digests` that are removable and that nobody holds: the last look before unlinking.
    pub(super) fn condemn(&mut self, digests: &[Sha256]) -> Result<Written> {
        let mut condemned = Written::default();
        for digest in digests {
            let key = digest.as_bytes();
            let removable = self.tables.removable.get(&self.txn, key)?.is_some();
            let known = self.tables.blob(&self.txn, digest)?.is_some();
            if removable && !known && !self.tables.is_held(&self.txn, digest)? {
                condemned.released.push(*digest);
            }
        }
        Ok(condemned)
    }

    pub(super) fn unlinked(&mut self, digests: &[Sha256]) -> Result<Written> {
        for digest in digests {
            let removable = self.tables.removable;
            removable.delete(&mut self.txn, digest.as_bytes())?;
            self.unrank(digest)?;
        }
        Ok(Written::default())
    }

    /// Makes a file removable that no record knows.
    pub(super) fn abandon(&mut self, digest: &Sha256) -> Result<Written> {
        if self.tables.blob(&self.txn, digest)?.is_none() {
            self.release(digest)?;
        }
        Ok(Written::default())
    }
}

impl Written {
    fn of(artifact: u64) -> Self {
        Self {
            artifact: Some(artifact),
            ..Self::default()
        }
    }
}
