//! The artifacts that were used most, kept in order whenever hits are written, so that nobody has to look
//! at all of them.

use super::{Catalog, Result, codec, transaction::Transaction};
use crate::artifact::Artifact;

/// Where they are in `meta`.
const KEY: &[u8] = b"top";
/// How many are kept.
const KEPT: usize = 50;

/// Numbers of artifacts and their hits, the most first.
type Top = Vec<(u64, u64)>;

impl Catalog {
    /// The artifacts that were used most, at most `limit` and at most fifty, the most used first. Those
    /// that were not used since an older version of the program wrote the catalog are not among them.
    pub fn most_used(&self, limit: usize) -> Result<Vec<Artifact>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let top: Option<Top> = tables.meta.record(&txn, KEY, codec::decode)?;
        let mut found = Vec::new();
        for (id, _) in top.unwrap_or_default() {
            if found.len() < limit {
                found.extend(tables.artifact(&txn, id)?);
            }
        }
        Ok(found)
    }
}

impl Transaction<'_> {
    /// Brings the order up to date with what these artifacts have come to.
    pub(super) fn note_top(
        &mut self,
        counted: Vec<(u64, u64)>,
        is_counted: impl Fn(u64) -> bool,
    ) -> Result<()> {
        let known: Option<Top> = self.tables.meta.record(&self.txn, KEY, codec::decode)?;
        let before = known.unwrap_or_default();
        let mut top = counted;
        for (id, count) in before.iter().filter(|(id, _)| !is_counted(*id)) {
            let is_there = self.tables.artifacts.get(&self.txn, &id.to_be_bytes())?;
            if is_there.is_some() {
                top.push((*id, *count));
            }
        }
        let most_first =
            |(a, most): &(u64, u64), (b, count): &(u64, u64)| count.cmp(most).then(a.cmp(b));
        if top.len() > KEPT {
            top.select_nth_unstable_by(KEPT, most_first);
            top.truncate(KEPT);
        }
        top.sort_unstable_by(most_first);
        if top == before {
            return Ok(());
        }
        let bytes = codec::encode(&top);
        self.tables.meta.put_record(&mut self.txn, KEY, bytes)
    }
}
