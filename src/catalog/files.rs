//! Uploaded files and pointers: their records, and what is asked about them.

use artifact_cache_layers::digest::Sha256;
use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{Catalog, Result, codec, environment::Tables};
use crate::artifact::file::{File, Owner, Pointer, PointerName};

/// What a change of a file or a pointer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is as it was asked to be.
    Done,
    /// There is no such file, or no such pointer.
    Absent,
    /// A pointer leads to the file.
    PointedTo(PointerName),
}

#[derive(Serialize, Deserialize)]
pub(super) struct FileRecord<'a> {
    pub(super) size_bytes: u64,
    pub(super) created_at: u64,
    pub(super) content_type: &'a str,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PointerRecord {
    pub(super) file: [u8; 32],
    pub(super) since: u64,
    pub(super) history: Vec<([u8; 32], u64)>,
}

impl FileRecord<'_> {
    fn of(self, digest: Sha256) -> File {
        File {
            digest,
            size_bytes: self.size_bytes,
            content_type: self.content_type.to_owned(),
            created_at: codec::time(self.created_at),
        }
    }
}

impl From<PointerRecord> for Pointer {
    fn from(record: PointerRecord) -> Self {
        let past = record.history.into_iter();
        Self {
            file: record.file.into(),
            since: codec::time(record.since),
            history: past
                .map(|(file, since)| (file.into(), codec::time(since)))
                .collect(),
        }
    }
}

impl Catalog {
    /// At most `limit` uploaded files behind `after`, in order of digest.
    pub fn files(&self, after: Option<&Sha256>, limit: usize) -> Result<Vec<File>> {
        let txn = self.environment().read()?;
        let table = self.environment().tables.files;
        let after = after.map(|digest| &digest.as_bytes()[..]);
        let mut files = Vec::new();
        for (key, value) in table.rows(&txn, after, limit)? {
            let record = table.sound(codec::decode::<FileRecord<'_>>(&value))?;
            let digest: Option<[u8; 32]> = key.try_into().ok();
            files.extend(digest.map(|digest| record.of(digest.into())));
        }
        Ok(files)
    }

    /// An uploaded file.
    pub fn file(&self, digest: &Sha256) -> Result<Option<File>> {
        let txn = self.environment().read()?;
        self.environment().tables.file(&txn, digest)
    }

    /// Where a pointer leads.
    pub fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>> {
        let txn = self.environment().read()?;
        let record = self.environment().tables.pointer(&txn, name)?;
        Ok(record.map(Pointer::from))
    }

    /// Some pointer that leads to a file. Such a file is wanted: nothing but its owner removes it.
    pub fn pointer_to(&self, digest: &Sha256) -> Result<Option<PointerName>> {
        let txn = self.environment().read()?;
        self.environment().tables.pointer_to(&txn, digest)
    }
}

impl Tables {
    pub(super) fn file(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<File>> {
        let record = self
            .files
            .record(txn, digest.as_bytes(), codec::decode::<FileRecord<'_>>)?;
        Ok(record.map(|record| record.of(*digest)))
    }

    pub(super) fn is_file(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<bool> {
        Ok(self.files.get(txn, digest.as_bytes())?.is_some())
    }

    pub(super) fn pointer(
        &self,
        txn: &RoTxn<'_>,
        name: &PointerName,
    ) -> Result<Option<PointerRecord>> {
        self.pointers.record(txn, &pointer_key(name), codec::decode)
    }

    pub(super) fn pointer_to(
        &self,
        txn: &RoTxn<'_>,
        digest: &Sha256,
    ) -> Result<Option<PointerName>> {
        let keys = self.pointed.keys(txn, digest.as_bytes(), 1)?;
        Ok(keys.first().and_then(|key| name_of(key.get(32..)?)))
    }
}

/// Key of a pointer: what it belongs to, and which one.
pub(super) fn pointer_key(name: &PointerName) -> Vec<u8> {
    let owner = match name.owner {
        Owner::Run => b'r',
        Owner::Tokenizer => b't',
    };
    [&[owner], name.id.as_bytes()].concat()
}

/// Key of the row that says which pointer leads to a file.
pub(super) fn pointed_key(file: &Sha256, pointer: &[u8]) -> Vec<u8> {
    [file.as_bytes(), pointer].concat()
}

/// What [`pointer_key`] made a key of.
pub(super) fn name_of(key: &[u8]) -> Option<PointerName> {
    let (owner, id) = key.split_first()?;
    let owner = match owner {
        b'r' => Owner::Run,
        b't' => Owner::Tokenizer,
        _ => return None,
    };
    PointerName::new(owner, std::str::from_utf8(id).ok()?)
}
