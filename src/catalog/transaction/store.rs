//! Storing: a response joins the set of its URL, its digest the URL's versions, its blob the blobs.

use std::collections::BTreeSet;

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
};
use http::{StatusCode, header::CONTENT_TYPE};

use super::{Addition, CatalogError, Result, Transaction, Written, codec};
use crate::{
    artifact::Version,
    catalog::{
        codec::{ArtifactRecord, nanoseconds},
        read::reference_key,
        set::{BlobRecord, MAX_VARIANTS, MAX_VERSIONS, ResponseSet, Stored},
    },
};

impl Transaction<'_> {
    /// A new blob, or a new response for an old one.
    pub(super) fn store(&mut self, addition: &Addition) -> Result<Written> {
        let mut set = self.set_for(addition)?;
        let before = set.digests();
        set.final_url.clone_from(&addition.final_url);
        set.variant(&addition.response);
        set.version(&addition.response);
        self.put(addition, &set, &before)
    }

    /// A response for a blob that must be known.
    pub(super) fn refer(&mut self, addition: &Addition) -> Result<Written> {
        let digest = addition.response.digest;
        match self.tables.blob(&self.txn, &digest)? {
            Some(_) => self.store(addition),
            None => Err(CatalogError::UnknownBlob(digest)),
        }
    }

    /// Adds what is missing: a variant only when none answers the same requests, a version by its age.
    pub(super) fn recover(&mut self, addition: &Addition) -> Result<Written> {
        let mut set = self.set_for(addition)?;
        let before = set.digests();
        let response = &addition.response;
        let newer = set.responses.iter().any(|stored| {
            stored.response.nominated == response.nominated
                && stored.response.response_time >= response.response_time
        });
        if !newer {
            set.final_url.clone_from(&addition.final_url);
            set.variant(response);
        }
        set.version(response);
        set.responses
            .sort_by_key(|stored| std::cmp::Reverse(stored.response.response_time));
        set.versions
            .sort_by_key(|version| std::cmp::Reverse(version.last_seen));
        self.put(addition, &set, &before)
    }

    fn set_for(&mut self, addition: &Addition) -> Result<ResponseSet> {
        if let Some(set) = self.set(&addition.key)? {
            return Ok(set);
        }
        self.counters.last_id += 1;
        let id = self.counters.last_id;
        Ok(ResponseSet::empty(id, addition.uri.clone()))
    }

    fn put(
        &mut self,
        addition: &Addition,
        set: &ResponseSet,
        before: &BTreeSet<Sha256>,
    ) -> Result<Written> {
        let response = &addition.response;
        self.know(&response.digest, response.length)?;
        let released = self.refer_to(&addition.key, before, &set.digests())?;
        self.describe(&addition.key, set)?;
        self.put_set(&addition.key, set)?;
        Ok(Written {
            artifact: Some(set.id),
            released,
            ..Written::default()
        })
    }

    /// Makes a blob known and public, and takes back its removal.
    pub(super) fn know(&mut self, digest: &Sha256, size_bytes: u64) -> Result<()> {
        let removable = self.tables.removable;
        removable.delete(&mut self.txn, digest.as_bytes())?;
        let known = self.tables.blob(&self.txn, digest)?;
        if known.is_some_and(|blob| !blob.private) {
            return Ok(());
        }
        if known.is_none() {
            self.counters.blobs += 1;
            self.counters.size_bytes += size_bytes;
            self.enqueue(digest, size_bytes)?;
        }
        let bytes = codec::encode_blob(&BlobRecord {
            size_bytes,
            first_stored: known.map_or(self.now, |blob| blob.first_stored),
            private: false,
        });
        let blobs = self.tables.blobs;
        blobs.put_record(&mut self.txn, digest.as_bytes(), bytes)
    }

    /// Turns the references of a URL from `before` to `after`; returns the blobs nobody holds any more.
    pub(super) fn refer_to(
        &mut self,
        key: &CacheKey,
        before: &BTreeSet<Sha256>,
        after: &BTreeSet<Sha256>,
    ) -> Result<Vec<Sha256>> {
        for digest in after.difference(before) {
            let reference = reference_key(digest, key);
            self.tables.references.put(&mut self.txn, &reference, &[])?;
            self.counters.logical_size_bytes += self.size_of(digest)?;
        }
        let mut released = Vec::new();
        for digest in before.difference(after) {
            if self.unrefer(digest, key)? {
                released.push(*digest);
            }
        }
        Ok(released)
    }

    pub(super) fn size_of(&self, digest: &Sha256) -> Result<u64> {
        let blob = self.tables.blob(&self.txn, digest)?;
        Ok(blob.map_or(0, |blob| blob.size_bytes))
    }

    /// Keeps the artifact's own record: it exists exactly while the URL has a version.
    pub(super) fn describe(&mut self, key: &CacheKey, set: &ResponseSet) -> Result<()> {
        let known = self.tables.artifact_record(&self.txn, set.id)?;
        let content_type = set.content_type();
        let record = ArtifactRecord {
            source_url: set.uri.as_str(),
            key: *key.as_bytes(),
            first_cached_at: known
                .as_ref()
                .map_or_else(|| nanoseconds(self.now), |known| known.first_cached_at),
            content_type: content_type.or(known.as_ref().and_then(|known| known.content_type)),
        };
        let (is_new, is_same) = (known.is_none(), known.as_ref() == Some(&record));
        if set.versions.is_empty() {
            return Ok(());
        }
        let (bytes, first_cached_at) = (codec::encode(&record), record.first_cached_at);
        self.put_in_order(set, first_cached_at, is_new)?;
        if is_same {
            return Ok(());
        }
        self.counters.items += u64::from(is_new);
        let artifacts = self.tables.artifacts;
        artifacts.put_record(&mut self.txn, &set.id.to_be_bytes(), bytes)
    }
}

impl ResponseSet {
    /// Puts a response in front, in place of the one that answered the same requests.
    fn variant(&mut self, response: &StoredResponse) {
        self.responses
            .retain(|stored| stored.response.nominated != response.nominated);
        self.responses.insert(0, Stored::from(response.clone()));
        self.responses.truncate(MAX_VARIANTS);
    }

    /// Puts the digest of a whole representation in front of the versions.
    fn version(&mut self, response: &StoredResponse) {
        if response.status != StatusCode::OK {
            return;
        }
        let known = self
            .versions
            .iter()
            .position(|version| version.digest == response.digest)
            .map(|index| self.versions.remove(index));
        let seen = response.response_time;
        let version = Version {
            digest: response.digest,
            size_bytes: response.length,
            first_seen: known
                .as_ref()
                .map_or(seen, |known| known.first_seen.min(seen)),
            last_seen: known
                .as_ref()
                .map_or(seen, |known| known.last_seen.max(seen)),
        };
        self.versions.insert(0, version);
        self.versions.truncate(MAX_VERSIONS);
    }

    /// The set with a response whose commit is under way, as it will be after that.
    #[must_use]
    pub fn with(&self, addition: &Addition) -> Self {
        let mut set = self.clone();
        set.revision = u64::MAX;
        set.final_url.clone_from(&addition.final_url);
        set.variant(&addition.response);
        set.version(&addition.response);
        set
    }

    /// The same for a URL of which nothing is stored.
    #[must_use]
    pub fn of(addition: &Addition) -> Self {
        Self::empty(0, addition.uri.clone()).with(addition)
    }

    /// Media type of the newest version, when its response is still there and names one.
    fn content_type(&self) -> Option<&str> {
        let newest = self.versions.first()?.digest;
        let mut responses = self.responses.iter().map(|stored| &stored.response);
        let response = responses.find(|response| response.digest == newest)?;
        response.fields.get(CONTENT_TYPE)?.to_str().ok()
    }
}
