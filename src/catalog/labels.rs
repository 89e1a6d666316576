//! What the uploads of a file said of themselves, and lists of files by it: retention goes by that.

use artifact_cache_layers::digest::Sha256;
use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, Result,
    codec::{self, nanoseconds},
    environment::Tables,
};
use crate::artifact::file::{File, Kept, Label};

/// Labels of one file that are remembered.
const MAX_LABELS: usize = 32;

/// The order of the fields is the format.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct LabelRecord {
    /// Tag, key, and when it was uploaded with them last.
    uploads: Vec<(String, String, u64)>,
    is_crowded: bool,
}

impl LabelRecord {
    /// The record of a file from before labels were kept.
    pub(super) fn unlabelled(file: &File) -> Self {
        let since = nanoseconds(file.created_at);
        Self {
            uploads: vec![(String::new(), String::new(), since)],
            is_crowded: false,
        }
    }

    pub(super) fn note(&mut self, label: &Label, now: u64) {
        let is_full = self.uploads.len() >= MAX_LABELS;
        let is_same =
            |(tag, key, _): &&mut (String, String, u64)| *tag == label.tag && *key == label.key;
        match self.uploads.iter_mut().find(is_same) {
            Some((_, _, last)) => *last = now,
            None if is_full => self.is_crowded = true,
            None => {
                let Label { tag, key } = label.clone();
                self.uploads.push((tag, key, now));
            }
        }
    }

    fn of(self, file: File) -> Kept {
        let uploads = self.uploads.into_iter();
        let uploads = uploads.map(|(tag, key, last)| (Label { tag, key }, codec::time(last)));
        Kept {
            file,
            uploads: uploads.collect(),
            is_crowded: self.is_crowded,
            pointer: None,
        }
    }
}

impl Catalog {
    /// At most `limit` uploaded files behind `after`, in order of their digests.
    pub fn kept_files(&self, after: Option<&Sha256>, limit: usize) -> Result<Vec<Kept>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let after = after.map(|digest| digest.as_bytes().as_slice());
        let rows = tables.files.rows(&txn, after, limit)?;
        let kept = rows.iter().map(|(key, _)| tables.kept_at(&txn, key));
        kept.filter_map(Result::transpose).collect()
    }

    /// At most `limit` uploaded files whose id begins with these hexadecimal digits.
    pub fn files_beginning(&self, digits: &str, limit: usize) -> Result<Vec<Kept>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .filter_map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        let mut found = Vec::new();
        // With an odd number of digits, half a byte more must fit.
        for row in tables.files.lmdb.prefix_iter(&txn, &bytes)? {
            let (key, _) = row?;
            if found.len() < limit
                && is_beginning(key, digits)
                && let Some(kept) = tables.kept_at(&txn, key)?
            {
                found.push(kept);
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

fn is_beginning(key: &[u8], digits: &str) -> bool {
    let digest = <[u8; 32]>::try_from(key).map(Sha256::from);
    digest.is_ok_and(|digest| digest.to_string().starts_with(digits))
}

impl Tables {
    pub(super) fn label_record(
        &self,
        txn: &RoTxn<'_>,
        digest: &Sha256,
    ) -> Result<Option<LabelRecord>> {
        self.labels.record(txn, digest.as_bytes(), codec::decode)
    }

    /// A file with what decides how long it is kept.
    pub(super) fn kept(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<Kept>> {
        let Some(file) = self.file(txn, digest)? else {
            return Ok(None);
        };
        let record = self.label_record(txn, digest)?;
        let record = record.unwrap_or_else(|| LabelRecord::unlabelled(&file));
        let pointer = self.pointer_to(txn, digest)?;
        Ok(Some(Kept {
            pointer,
            ..record.of(file)
        }))
    }

    fn kept_at(&self, txn: &RoTxn<'_>, key: &[u8]) -> Result<Option<Kept>> {
        match <[u8; 32]>::try_from(key) {
            Ok(digest) => self.kept(txn, &digest.into()),
            Err(_) => Ok(None),
        }
    }
}
