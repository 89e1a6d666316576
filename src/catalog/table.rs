//! [`Table`]: one LMDB database with its name, so that an error can say where the bad record is.

use heed::{Database, RoTxn, RwTxn, types::Bytes};

use super::{CatalogError, codec::Malformed};

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// A key and a value, copied out of the map.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// Keys and values as bytes; `codec` knows what they mean.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) lmdb: Database<'static, Bytes, Bytes>,
}

impl Table {
    pub(super) fn get<'t>(&self, txn: &'t RoTxn<'_>, key: &[u8]) -> Result<Option<&'t [u8]>> {
        Ok(self.lmdb.get(txn, key)?)
    }

    /// The record at `key`, decoded by `decode`.
    pub(super) fn record<'t, T>(
        &self,
        txn: &'t RoTxn<'_>,
        key: &[u8],
        decode: impl FnOnce(&'t [u8]) -> Result<T, Malformed>,
    ) -> Result<Option<T>> {
        let bytes = self.get(txn, key)?;
        bytes.map(|bytes| self.sound(decode(bytes))).transpose()
    }

    pub(super) fn put(&self, txn: &mut RwTxn<'_>, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.lmdb.put(txn, key, value)?)
    }

    /// Writes an encoded record.
    pub(super) fn put_record(
        &self,
        txn: &mut RwTxn<'_>,
        key: &[u8],
        record: Result<Vec<u8>, Malformed>,
    ) -> Result<()> {
        self.put(txn, key, &self.sound(record)?)
    }

    /// Whether there was something to delete.
    pub(super) fn delete(&self, txn: &mut RwTxn<'_>, key: &[u8]) -> Result<bool> {
        Ok(self.lmdb.delete(txn, key)?)
    }

    /// At most `limit` keys that start with `prefix`.
    pub(super) fn keys(
        &self,
        txn: &RoTxn<'_>,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>> {
        let rows = self.lmdb.prefix_iter(txn, prefix)?.take(limit);
        rows.map(|row| Ok(row?.0.to_vec())).collect()
    }

    /// At most `limit` rows behind the key `after`; from the first one when there is none.
    pub(super) fn rows(
        &self,
        txn: &RoTxn<'_>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self
            .lmdb
            .range(txn, &(start, Bound::Unbounded))?
            .take(limit);
        rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .map(|row| Ok(row?))
            .collect()
    }

    /// Names the table of a record that is not sound.
    pub(super) fn sound<T>(&self, record: Result<T, Malformed>) -> Result<T> {
        record.map_err(|source| CatalogError::Corrupt {
            database: self.name,
            source,
        })
    }
}
