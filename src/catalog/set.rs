//! What the catalog keeps of one URL and of one blob. Plain values, no I/O.

use std::{collections::BTreeSet, time::SystemTime};

use crate::artifact::Version;
pub use artifact_cache_layers::cache::Stored;
use artifact_cache_layers::{
    cache::StoredSet,
    digest::Sha256,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};

/// Most variants kept of one URL; the oldest goes first.
pub const MAX_VARIANTS: usize = 16;
/// Most digests remembered of one URL; the one confirmed longest ago goes first.
pub const MAX_VERSIONS: usize = 64;

/// Everything stored of one URL.
#[derive(Clone, Debug)]
pub struct ResponseSet {
    /// Number of the artifact that this URL is.
    pub id: u64,
    /// The URL that was asked for.
    pub uri: TargetUri,
    /// Where redirects ended, when they did not end at `uri`.
    pub final_url: Option<String>,
    /// Newest first, at most [`MAX_VARIANTS`], each with other nominated fields (RFC 9111 §4.1).
    pub responses: Vec<Stored>,
    /// Changes with every write of the set; 0 only before the first.
    pub revision: u64,
    /// The digests this URL has served with status 200, newest first, at most [`MAX_VERSIONS`].
    pub versions: Vec<Version>,
}

impl ResponseSet {
    /// A set that holds nothing yet.
    pub(super) const fn empty(id: u64, uri: TargetUri) -> Self {
        Self {
            id,
            uri,
            final_url: None,
            revision: 0,
            responses: Vec::new(),
            versions: Vec::new(),
        }
    }

    /// The first response whose body has `digest`.
    #[must_use]
    pub fn index_of(&self, digest: &Sha256) -> Option<usize> {
        let mut responses = self.responses.iter();
        responses.position(|stored| stored.response.digest == *digest)
    }

    /// Whether nothing is left to serve.
    pub(super) const fn is_empty(&self) -> bool {
        self.responses.is_empty() && self.versions.is_empty()
    }

    /// Every digest that the URL holds, by a response or by its past.
    pub(super) fn digests(&self) -> BTreeSet<Sha256> {
        let current = self.responses.iter().map(|stored| stored.response.digest);
        current
            .chain(self.versions.iter().map(|version| version.digest))
            .collect()
    }

    /// Length in bytes of a digest that the URL holds.
    pub(super) fn length_of(&self, digest: &Sha256) -> Option<u64> {
        let version = self.versions.iter().find(|past| past.digest == *digest);
        version.map(|past| past.size_bytes).or_else(|| {
            let response = self.responses.iter().map(|stored| &stored.response);
            response
                .into_iter()
                .find(|response| response.digest == *digest)
                .map(|response| response.length)
        })
    }
}

impl StoredSet for ResponseSet {
    fn responses(&self) -> &[Stored] {
        &self.responses
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

/// What is known of one content-addressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRecord {
    /// Length in bytes.
    pub size_bytes: u64,
    /// When the bytes were stored first.
    pub first_stored: SystemTime,
    /// Uploaded, never fetched from a URL: knowing the digest is no right to read it.
    pub private: bool,
}

/// A URL that holds a digest.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The key of the URL.
    pub key: CacheKey,
    /// What is stored of it.
    pub set: std::sync::Arc<ResponseSet>,
    /// Which of its responses has the digest; `None` when only its past has.
    pub response: Option<usize>,
}
