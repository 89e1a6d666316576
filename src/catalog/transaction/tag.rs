//! Giving tags and taking them back; they go with their artifact.

use super::{Result, Transaction, Written, codec};
use crate::catalog::tags::{
    MAX_TAGS, OF_ARTIFACT, TagChange, count_key, name_key, tag_key, tags_start,
};

/// Artifacts from which one change takes a tag that goes altogether.
const BATCH: usize = 1000;

impl Transaction<'_> {
    /// A change of tags; how many artifacts it is about is in the answer.
    pub(super) fn tags(&mut self, change: &TagChange) -> Result<Written> {
        let (ids, names, is_given) = match change {
            TagChange::Give { of, names } => (self.tables.tagged(&self.txn, of)?, &names[..], true),
            TagChange::Take { of, names } => {
                (self.tables.tagged(&self.txn, of)?, &names[..], false)
            }
            TagChange::Drop { name } => {
                let ids = self.tables.ids_of_tag(&self.txn, name, BATCH)?;
                (ids, std::slice::from_ref(name), false)
            }
        };
        for id in &ids {
            for name in names {
                if is_given {
                    self.tag_one(*id, name)?;
                } else {
                    self.untag_one(*id, name)?;
                }
            }
        }
        Ok(Written {
            artifact: ids.first().copied(),
            count: ids.len() as u64,
            ..Written::default()
        })
    }

    /// An artifact goes, and its tags with it.
    pub(super) fn untag_all(&mut self, id: u64) -> Result<()> {
        let tags = self.tables.tags;
        if tags.keys(&self.txn, &tags_start(id), 1)?.is_empty() {
            return Ok(());
        }
        for name in self.tables.tags_of(&self.txn, id)? {
            self.untag_one(id, &name)?;
        }
        Ok(())
    }

    fn tag_one(&mut self, id: u64, name: &str) -> Result<()> {
        let tags = self.tables.tags;
        let known = tags.keys(&self.txn, &tags_start(id), MAX_TAGS)?;
        let key = tag_key(id, name);
        if known.len() >= MAX_TAGS || known.contains(&key) {
            return Ok(());
        }
        tags.put(&mut self.txn, &key, &[])?;
        tags.put(&mut self.txn, &name_key(name, id), &[])?;
        let count = self.tables.tag_count(&self.txn, name)? + 1;
        tags.put_record(&mut self.txn, &count_key(name), codec::encode(&count))
    }

    fn untag_one(&mut self, id: u64, name: &str) -> Result<()> {
        let tags = self.tables.tags;
        tags.delete(&mut self.txn, &name_key(name, id))?;
        if !tags.delete(&mut self.txn, &tag_key(id, name))? {
            return Ok(());
        }
        let count = self.tables.tag_count(&self.txn, name)?.saturating_sub(1);
        if count == 0 {
            return tags.delete(&mut self.txn, &count_key(name)).map(drop);
        }
        tags.put_record(&mut self.txn, &count_key(name), codec::encode(&count))
    }
}

impl Transaction<'_> {
    /// Makes the table of tags anew from what the artifacts that are there have.
    pub(super) fn retag(&mut self) -> Result<()> {
        let tags = self.tables.tags;
        let keys = tags.keys(&self.txn, &[OF_ARTIFACT], usize::MAX)?;
        tags.lmdb.clear(&mut self.txn)?;
        for key in keys {
            let (id, name) = key[1..].split_at_checked(8).unwrap_or_default();
            let is_known = self.tables.artifacts.get(&self.txn, id)?.is_some();
            let (true, Ok(name)) = (is_known, std::str::from_utf8(name)) else {
                continue;
            };
            self.tag_one(crate::catalog::orders::id_of(id), name)?;
        }
        Ok(())
    }
}
