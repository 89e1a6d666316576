//! What `fsck` asks the catalog: everything known, in chunks, and whether it is consistent in itself.

mod held;
mod queues;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{
    BlobRecord, Catalog, CatalogError,
    codec::{self, ArtifactRecord, Counters, HitsRecord},
    environment::Environment,
    files::FileRecord,
    ranks::QueueSums,
    read::{key_of, reference, reference_key},
    table::{Row, Table},
};
use crate::artifact::Totals;

/// Rows read in one transaction.
const CHUNK: usize = 1024;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// One thing in the catalog that contradicts another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inconsistency {
    /// A record cannot be read.
    Unreadable {
        /// The LMDB database.
        database: &'static str,
        /// The record's key.
        key: Vec<u8>,
    },
    /// A reference that no response or version of its URL supports.
    DanglingReference {
        /// The blob.
        digest: Sha256,
        /// The URL.
        key: CacheKey,
    },
    /// A URL holds a blob without the reference that says so.
    MissingReference {
        /// The blob.
        digest: Sha256,
        /// The URL.
        key: CacheKey,
    },
    /// A URL holds a blob that is not known.
    UnknownBlob {
        /// The blob.
        digest: Sha256,
        /// The URL.
        key: CacheKey,
    },
    /// An uploaded file whose blob is not known.
    UnknownUpload {
        /// The blob.
        digest: Sha256,
    },
    /// A blob is known although nobody holds it.
    UnheldBlob {
        /// The blob.
        digest: Sha256,
    },
    /// An artifact without its URL, or a URL without its artifact.
    ArtifactMismatch {
        /// The artifact.
        id: u64,
    },
    /// An entry of a table that follows from others and is missing, wrong, or of nothing.
    WrongEntry {
        /// The LMDB database.
        database: &'static str,
        /// The entry's key.
        key: Vec<u8>,
    },
    /// Two models of one name and version.
    SameName {
        /// The number of one.
        one: u64,
        /// The number of the other.
        other: u64,
    },
    /// The sums of the queues of eviction are not the sums, or a number was given twice.
    WrongQueues,
    /// The sums are not the sums.
    WrongTotals {
        /// As recorded.
        recorded: Totals,
        /// As counted.
        counted: Totals,
    },
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Everything that [`Change::Reindex`](super::Change::Reindex) would put right.
    pub inconsistencies: Vec<Inconsistency>,
}

impl Catalog {
    /// At most `limit` blobs behind `after`, in order of digest. Unreadable ones are left out.
    pub fn blobs(&self, after: Option<&Sha256>, limit: usize) -> Result<Vec<(Sha256, BlobRecord)>> {
        let rows = self.rows(self.environment().tables.blobs, after, limit)?;
        let blobs = rows
            .into_iter()
            .filter_map(|(key, value)| Some((digest_of(&key)?, codec::decode_blob(&value).ok()?)));
        Ok(blobs.collect())
    }

    /// At most `limit` blobs behind `after` that nobody holds any more, and since when.
    pub fn removable(
        &self,
        after: Option<&Sha256>,
        limit: usize,
    ) -> Result<Vec<(Sha256, SystemTime)>> {
        let rows = self.rows(self.environment().tables.removable, after, limit)?;
        let since = |value: &[u8]| codec::decode(value).map_or(SystemTime::UNIX_EPOCH, codec::time);
        let blobs = rows
            .iter()
            .filter_map(|(key, value)| Some((digest_of(key)?, since(value))));
        Ok(blobs.collect())
    }

    /// Whether the file of `digest` waits for its removal.
    pub fn is_removable(&self, digest: &Sha256) -> Result<bool> {
        let txn = self.environment().read()?;
        let removable = self.environment().tables.removable;
        Ok(removable.get(&txn, digest.as_bytes())?.is_some())
    }

    /// Reads everything and compares. Takes seconds per million artifacts and blocks the thread; what
    /// is written meanwhile may show as inconsistent, so nothing should be.
    pub fn audit(&self) -> Result<Audit> {
        let mut audit = Auditor {
            environment: self.environment(),
            counted: Counters::default(),
            queues: QueueSums::default(),
            found: Vec::new(),
        };
        let tables = self.environment().tables;
        audit.each_row(tables.responses, Auditor::set)?;
        audit.each_row(tables.artifacts, Auditor::artifact)?;
        audit.each_row(tables.hits, Auditor::hits)?;
        audit.each_row(tables.references, Auditor::reference)?;
        audit.each_row(tables.files, Auditor::file)?;
        audit.each_row(tables.blobs, Auditor::blob)?;
        audit.held()?;
        audit.queues()?;
        audit.totals(self.totals()?);
        super::models::audit::audit(self.environment(), &mut audit.found)?;
        super::orders::audit(self.environment(), &mut audit.found)?;
        Ok(Audit {
            inconsistencies: audit.found,
        })
    }

    fn rows(&self, table: Table, after: Option<&Sha256>, limit: usize) -> Result<Vec<Row>> {
        let txn = self.environment().read()?;
        table.rows(&txn, after.map(|digest| &digest.as_bytes()[..]), limit)
    }
}

struct Auditor<'c> {
    environment: &'c Environment,
    counted: Counters,
    queues: QueueSums,
    found: Vec<Inconsistency>,
}

impl Auditor<'_> {
    fn each_row(
        &mut self,
        table: Table,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let txn = self.environment.read()?;
            let rows = table.rows(&txn, after.as_deref(), CHUNK)?;
            drop(txn);
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (key, value) in &rows {
                if !visit(self, key, value)? {
                    self.found.push(Inconsistency::Unreadable {
                        database: table.name,
                        key: key.clone(),
                    });
                }
            }
        }
    }

    /// Like the others below: false when the record is unreadable.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let key = <[u8; 32]>::try_from(key).ok().map(key_of);
        let (Some(key), Ok(set)) = (key, codec::decode_set(value)) else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        for digest in set.digests() {
            if tables.blobs.get(&txn, digest.as_bytes())?.is_none() {
                self.found.push(Inconsistency::UnknownBlob { digest, key });
            }
            let reference = reference_key(&digest, &key);
            if tables.references.get(&txn, &reference)?.is_none() {
                self.found
                    .push(Inconsistency::MissingReference { digest, key });
            }
        }
        let listed = tables.artifacts.get(&txn, &set.id.to_be_bytes())?.is_some();
        if listed == set.versions.is_empty() {
            self.found
                .push(Inconsistency::ArtifactMismatch { id: set.id });
        }
        Ok(true)
    }

    fn artifact(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let Ok(record) = codec::decode::<ArtifactRecord<'_>>(value) else {
            return Ok(false);
        };
        let id = key.try_into().map_or(0, u64::from_be_bytes);
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let set = tables.responses.get(&txn, &record.key)?;
        // An unreadable set was reported when its own table was read.
        let set = set.map(codec::decode_set).transpose().unwrap_or_default();
        if set.is_none_or(|set| set.id != id) {
            self.found.push(Inconsistency::ArtifactMismatch { id });
        }
        self.counted.items += 1;
        Ok(true)
    }

    fn hits(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let hits = codec::decode::<HitsRecord>(value);
        self.counted.accesses += hits.as_ref().map_or(0, |hits| hits.access_count);
        let tables = self.environment.tables;
        let txn = self.environment.read()?;
        let is_of_nothing = tables.artifacts.get(&txn, key)?.is_none();
        drop(txn);
        if hits.is_ok() && is_of_nothing {
            self.wrong(tables.hits, key);
        }
        Ok(hits.is_ok())
    }

    fn reference(&mut self, bytes: &[u8], _: &[u8]) -> Result<bool> {
        let Some((digest, key)) = reference(bytes) else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        let set = tables.responses.get(&txn, key.as_bytes())?;
        let set = set.map(codec::decode_set).transpose().unwrap_or_default();
        if set.is_none_or(|set| !set.digests().contains(&digest)) {
            self.found
                .push(Inconsistency::DanglingReference { digest, key });
        }
        // An unreadable blob was or will be reported with its own table.
        let blob = tables.blob(&txn, &digest).unwrap_or_default();
        self.counted.logical_size_bytes += blob.map_or(0, |blob| blob.size_bytes);
        Ok(true)
    }

    fn file(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(digest), Ok(file)) = (digest_of(key), codec::decode::<FileRecord<'_>>(value))
        else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        if tables.blobs.get(&txn, digest.as_bytes())?.is_none() {
            self.found.push(Inconsistency::UnknownUpload { digest });
        }
        self.counted.logical_size_bytes += file.size_bytes;
        Ok(true)
    }

    fn blob(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        let (Some(digest), Ok(blob)) = (digest_of(key), codec::decode_blob(value)) else {
            return Ok(false);
        };
        let (txn, tables) = (self.environment.read()?, self.environment.tables);
        if !tables.is_held(&txn, &digest)? {
            self.found.push(Inconsistency::UnheldBlob { digest });
        }
        drop(txn);
        self.standing(key, &blob)?;
        self.counted.blobs += 1;
        self.counted.size_bytes += blob.size_bytes;
        Ok(true)
    }

    fn totals(&mut self, recorded: Totals) {
        let counted = Totals::from(self.counted);
        if counted != recorded {
            self.found
                .push(Inconsistency::WrongTotals { recorded, counted });
        }
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> Option<Sha256> {
    <[u8; 32]>::try_from(bytes).ok().map(Sha256::from)
}
