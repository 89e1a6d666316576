//! Typed reads inside any transaction, of a reader or of the writer.

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};
use heed::RoTxn;

use super::{
    CatalogError,
    codec::{self, ArtifactRecord, Counters, HitsRecord},
    environment::Tables,
    set::{BlobRecord, ResponseSet},
};
use crate::artifact::Artifact;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// Where the counters are recorded in `meta`.
pub(super) const COUNTERS_KEY: &[u8] = b"counters";

impl Tables {
    pub(super) fn counters(&self, txn: &RoTxn<'_>) -> Result<Counters> {
        let counters = self.meta.record(txn, COUNTERS_KEY, codec::decode)?;
        Ok(counters.unwrap_or_default())
    }

    pub(super) fn set(&self, txn: &RoTxn<'_>, key: &CacheKey) -> Result<Option<ResponseSet>> {
        self.responses
            .record(txn, key.as_bytes(), codec::decode_set)
    }

    pub(super) fn blob(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<BlobRecord>> {
        self.blobs
            .record(txn, digest.as_bytes(), codec::decode_blob)
    }

    pub(super) fn artifact_record<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        id: u64,
    ) -> Result<Option<ArtifactRecord<'t>>> {
        self.artifacts.record(txn, &id.to_be_bytes(), codec::decode)
    }

    pub(super) fn hits(&self, txn: &RoTxn<'_>, id: u64) -> Result<HitsRecord> {
        let hits = self.hits.record(txn, &id.to_be_bytes(), codec::decode)?;
        Ok(hits.unwrap_or_default())
    }

    /// The artifact `id` out of its three records.
    pub(super) fn artifact(&self, txn: &RoTxn<'_>, id: u64) -> Result<Option<Artifact>> {
        let Some(record) = self.artifact_record(txn, id)? else {
            return Ok(None);
        };
        let key = key_of(record.key);
        let Some(set) = self.set(txn, &key)? else {
            return Ok(None);
        };
        let hits = self.hits(txn, id)?;
        let (state, is_pinned) = (set.state(), self.is_set_pinned(txn, &key, &set)?);
        Ok(Some(Artifact {
            id,
            source_url: record.source_url.to_owned(),
            final_url: set.final_url,
            content_type: record.content_type.map(str::to_owned),
            first_cached_at: codec::time(record.first_cached_at),
            last_accessed_at: codec::time(hits.last_accessed_at.max(record.first_cached_at)),
            access_count: hits.access_count,
            state,
            is_pinned,
            tags: self.tags_of(txn, id)?,
            versions: set.versions,
        }))
    }

    /// At most `limit` URLs that hold `digest`.
    pub(super) fn holders(
        &self,
        txn: &RoTxn<'_>,
        digest: &Sha256,
        limit: usize,
    ) -> Result<Vec<CacheKey>> {
        let keys = self.references.keys(txn, digest.as_bytes(), limit)?;
        Ok(keys
            .iter()
            .filter_map(|key| reference(key))
            .map(|(_, key)| key)
            .collect())
    }

    /// Whether a URL or an uploaded file needs the blob.
    pub(super) fn is_held(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<bool> {
        let is_referred = !self.references.keys(txn, digest.as_bytes(), 1)?.is_empty();
        Ok(is_referred || self.is_file(txn, digest)?)
    }
}

/// The key of a reference: which digest, held by which URL.
pub(super) fn reference_key(digest: &Sha256, key: &CacheKey) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(digest.as_bytes());
    bytes[32..].copy_from_slice(key.as_bytes());
    bytes
}

/// What [`reference_key`] made a key of.
pub(super) fn reference(bytes: &[u8]) -> Option<(Sha256, CacheKey)> {
    let (digest, key) = bytes.split_first_chunk::<32>()?;
    Some((Sha256::from(*digest), key_of(key.try_into().ok()?)))
}

/// A cache key out of its bytes.
pub(super) fn key_of(bytes: [u8; 32]) -> CacheKey {
    CacheKey(Sha256::from(bytes))
}
