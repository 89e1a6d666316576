//! Deriving again what hangs on blobs: privacy, pointers' rows, the log of evictions. What an operator
//! wanted is kept wherever its key can be read.

use artifact_cache_layers::digest::Sha256;

use super::{Result, Transaction, codec};
use crate::catalog::{
    TokenRecord,
    codec::nanoseconds,
    evictions::EvictionRecord,
    files::{PointerRecord, name_of, pointed_key},
    pins::{PinRecord, pin_of},
};

impl Transaction<'_> {
    pub(super) fn reindex_rest(&mut self) -> Result<()> {
        self.each_row(self.tables.blobs, Self::reindex_privacy)?;
        self.each_row(self.tables.removable, Self::reindex_removable)?;
        self.tables.pointed.lmdb.clear(&mut self.txn)?;
        self.each_row(self.tables.pointers, Self::reindex_pointer)?;
        self.each_row(self.tables.pins, Self::reindex_pin)?;
        self.each_row(self.tables.tokens, Self::reindex_token)?;
        self.each_row(self.tables.evictions, Self::reindex_eviction)
    }

    /// Knowing a digest is no right to read what only uploads have.
    fn reindex_privacy(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let Ok(blob) = codec::decode_blob(value) else {
            return Ok(());
        };
        let private = self.tables.references.keys(&self.txn, key, 1)?.is_empty();
        if blob.private == private {
            return Ok(());
        }
        let bytes = codec::encode_blob(&crate::catalog::BlobRecord { private, ..blob });
        self.tables.blobs.put_record(&mut self.txn, key, bytes)
    }

    fn reindex_removable(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let removable = self.tables.removable;
        let is_known = self.tables.blobs.get(&self.txn, key)?.is_some();
        if is_known || key.len() != 32 {
            return removable.delete(&mut self.txn, key).map(drop);
        }
        if codec::decode::<u64>(value).is_ok() {
            return Ok(());
        }
        let since = codec::encode(&nanoseconds(self.now));
        removable.put_record(&mut self.txn, key, since)
    }

    fn reindex_pointer(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let record = codec::decode::<PointerRecord>(value).ok();
        let Some(record) = record.filter(|_| name_of(key).is_some()) else {
            return self.tables.pointers.delete(&mut self.txn, key).map(drop);
        };
        let row = pointed_key(&Sha256::from(record.file), key);
        self.tables.pointed.put(&mut self.txn, &row, &[])
    }

    /// A pin that says what it is of goes on pinning it.
    fn reindex_pin(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let pins = self.tables.pins;
        if pin_of(key).is_none() {
            return pins.delete(&mut self.txn, key).map(drop);
        }
        if codec::decode::<PinRecord<'_>>(value).is_ok() {
            return Ok(());
        }
        let (since, note) = (nanoseconds(self.now), "");
        let record = codec::encode(&PinRecord { since, note });
        pins.put_record(&mut self.txn, key, record)
    }

    /// A token that cannot be read lets nobody in.
    fn reindex_token(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if TokenRecord::decoded(key, value).is_ok() {
            return Ok(());
        }
        self.tables.tokens.delete(&mut self.txn, key).map(drop)
    }

    fn reindex_eviction(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let number = key.try_into().map(u64::from_be_bytes);
        let (Ok(number), Ok(_)) = (number, codec::decode::<EvictionRecord<'_>>(value)) else {
            return self.tables.evictions.delete(&mut self.txn, key).map(drop);
        };
        self.queues.evictions = self.queues.evictions.max(number);
        Ok(())
    }
}
