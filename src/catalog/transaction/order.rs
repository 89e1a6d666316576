//! The places of artifacts in the orders of lists, kept in step with their records and hits.

use super::{Result, Transaction, codec};
use crate::catalog::{
    codec::ArtifactRecord,
    orders::{Placed, id_of, number_key, placed_key, url_key},
    set::ResponseSet,
};

/// In `meta`: the orders have every artifact.
const ORDERS_KEY: &[u8] = b"orders";

impl Transaction<'_> {
    /// Puts an artifact where it belongs, from wherever it is. `is_new` when it has no place yet.
    pub(super) fn put_in_order(
        &mut self,
        set: &ResponseSet,
        first_cached_at: u64,
        is_new: bool,
    ) -> Result<()> {
        let before = if is_new {
            None
        } else {
            self.tables.placed(&self.txn, set.id)?
        };
        let hits = match before {
            Some(_) => self.tables.hits(&self.txn, set.id)?,
            None => codec::HitsRecord::default(),
        };
        let now = Placed {
            size_bytes: set.versions.first().map_or(0, |newest| newest.size_bytes),
            used: hits.last_accessed_at.max(first_cached_at),
            hits: hits.access_count,
        };
        if before.is_none() {
            let key = url_key(set.uri.as_str(), set.id);
            self.tables.orders.put(&mut self.txn, &key, &[])?;
        }
        self.move_in_order(set.id, before, now)
    }

    /// Its hits were counted.
    pub(super) fn hit_in_order(&mut self, id: u64, hits: codec::HitsRecord) -> Result<()> {
        let Some(before) = self.tables.placed(&self.txn, id)? else {
            return Ok(());
        };
        let now = Placed {
            used: before.used.max(hits.last_accessed_at),
            hits: hits.access_count,
            ..before
        };
        self.move_in_order(id, Some(before), now)
    }

    fn move_in_order(&mut self, id: u64, before: Option<Placed>, now: Placed) -> Result<()> {
        if before == Some(now) {
            return Ok(());
        }
        let orders = self.tables.orders;
        let old = before.map(|before| before.numbers());
        for (at, (letter, number)) in now.numbers().into_iter().enumerate() {
            let old = old.map(|old| old[at].1);
            if old == Some(number) {
                continue;
            }
            if let Some(old) = old {
                orders.delete(&mut self.txn, &number_key(letter, old, id))?;
            }
            orders.put(&mut self.txn, &number_key(letter, number, id), &[])?;
        }
        orders.put_record(&mut self.txn, &placed_key(id), codec::encode(&now))
    }

    /// Takes an artifact out of all orders.
    pub(super) fn take_out_of_order(&mut self, id: u64, url: &str) -> Result<()> {
        let orders = self.tables.orders;
        if let Some(placed) = self.tables.placed(&self.txn, id)? {
            for (letter, number) in placed.numbers() {
                orders.delete(&mut self.txn, &number_key(letter, number, id))?;
            }
        }
        orders.delete(&mut self.txn, &placed_key(id))?;
        orders.delete(&mut self.txn, &url_key(url, id)).map(drop)
    }

    /// Gives artifacts that an older version stored their places. Once, in one transaction: seconds for a
    /// million.
    pub(in crate::catalog) fn order_older(&mut self) -> Result<()> {
        let meta = self.tables.meta;
        if meta.get(&self.txn, ORDERS_KEY)?.is_some() {
            return Ok(());
        }
        self.reorder()?;
        meta.put_record(&mut self.txn, ORDERS_KEY, codec::encode(&1_u8))
    }

    /// Makes the orders anew from the artifacts and their hits.
    pub(super) fn reorder(&mut self) -> Result<()> {
        self.tables.orders.lmdb.clear(&mut self.txn)?;
        self.each_row(self.tables.artifacts, |transaction, key, value| {
            let (id, Ok(record)) = (id_of(key), codec::decode::<ArtifactRecord<'_>>(value)) else {
                return Ok(());
            };
            let set = transaction.set(&crate::catalog::read::key_of(record.key))?;
            let Some(set) = set.filter(|set| set.id == id) else {
                return Ok(());
            };
            transaction.put_in_order(&set, record.first_cached_at, true)?;
            let hits = transaction.tables.hits(&transaction.txn, id)?;
            transaction.hit_in_order(id, hits)
        })
    }
}
