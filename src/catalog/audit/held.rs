//! What holds blobs, or lets go of them, besides responses: pointers, pins, what waits for its removal; and
//! whether a blob is private exactly as long as no URL has it. A pin of something that is not stored, and a
//! pointer that was forced onto nothing, are wishes of an operator and right as they are.

use super::{Auditor, Result, digest_of};
use crate::catalog::{
    BlobRecord, TokenRecord, codec,
    files::{PointerRecord, name_of, pointed_key},
    pins::{PinRecord, pin_of},
};

impl Auditor<'_> {
    pub(super) fn held(&mut self) -> Result<()> {
        let tables = self.environment.tables;
        self.each_row(tables.removable, Self::removable)?;
        self.each_row(tables.pointers, Self::pointer)?;
        self.each_row(tables.pointed, Self::pointed)?;
        self.each_row(tables.pins, |_, key, value| {
            Ok(pin_of(key).is_some() && codec::decode::<PinRecord<'_>>(value).is_ok())
        })?;
        self.each_row(tables.tokens, |_, key, value| {
            Ok(TokenRecord::decoded(key, value).is_ok())
        })
    }

    /// What waits for its removal is not known any more.
    fn removable(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        if digest_of(key).is_none() || codec::decode::<u64>(value).is_err() {
            return Ok(false);
        }
        let tables = self.environment.tables;
        let txn = self.environment.read()?;
        let is_known = tables.blobs.get(&txn, key)?.is_some();
        drop(txn);
        if is_known {
            self.wrong(tables.removable, key);
        }
        Ok(true)
    }

    fn pointer(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(_), Ok(record)) = (name_of(key), codec::decode::<PointerRecord>(value)) else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let row = pointed_key(&record.file.into(), key);
        let is_listed = tables.pointed.get(&txn, &row)?.is_some();
        drop(txn);
        if !is_listed {
            self.wrong(tables.pointed, &row);
        }
        Ok(true)
    }

    fn pointed(&mut self, key: &[u8], _: &[u8]) -> Result<bool> {
        let Some((file, name)) = key.split_first_chunk::<32>() else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let record = tables.pointers.get(&txn, name)?;
        // An unreadable pointer is reported with its own table.
        let leads_there = record.is_some_and(|bytes| {
            codec::decode::<PointerRecord>(bytes).is_ok_and(|record| record.file == *file)
        });
        drop(txn);
        if !leads_there {
            self.wrong(tables.pointed, key);
        }
        Ok(true)
    }

    /// Whether a blob has its place in the queues and is private only as long as no URL has it.
    pub(super) fn standing(&mut self, key: &[u8], blob: &BlobRecord) -> Result<()> {
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let is_ranked = tables.ranks.get(&txn, key)?.is_some();
        let is_referred = !tables.references.keys(&txn, key, 1)?.is_empty();
        let is_upload = tables.files.get(&txn, key)?.is_some();
        drop(txn);
        if !is_ranked {
            self.wrong(tables.ranks, key);
        }
        if (is_referred || is_upload) && blob.private == is_referred {
            self.wrong(tables.blobs, key);
        }
        Ok(())
    }
}
