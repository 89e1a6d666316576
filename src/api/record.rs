//! The JSON form of an [`Artifact`]: the documented record, with the history of what its URL served.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::timestamp::rfc3339;
use crate::artifact::{Artifact, Version};

/// One artifact as the API shows it. Sizes are bytes, digests lower case hex.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Artifact")]
pub(super) struct Record<'a> {
    id: u64,
    source_url: &'a str,
    content_hash: Option<String>,
    storage_path: Option<String>,
    file_size: Option<u64>,
    content_type: Option<&'a str>,
    first_cached_at: String,
    last_accessed_at: String,
    access_count: u64,
    final_url: Option<&'a str>,
    /// `current`; `stale` when it was marked so; `past` when only its versions are left.
    state: &'static str,
    /// Whether an operator pinned it, or bytes of it.
    pinned: bool,
    tags: &'a [String],
    versions: Vec<VersionRecord>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Version")]
struct VersionRecord {
    sha256: String,
    size_bytes: u64,
    first_seen: String,
    last_seen: String,
    /// URLs that have or had the same bytes, 50 at most; only in the record of one artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<String>>,
}

impl<'a> Record<'a> {
    /// The record of `artifact`, whose newest version lies at `path`.
    pub(super) fn of(artifact: &'a Artifact, path: Option<&Path>) -> Self {
        let newest = artifact.versions.first();
        Self {
            id: artifact.id,
            source_url: &artifact.source_url,
            content_hash: newest.map(|version| version.digest.to_string()),
            storage_path: path.map(|path| path.display().to_string()),
            file_size: newest.map(|version| version.size_bytes),
            content_type: artifact.content_type.as_deref(),
            first_cached_at: rfc3339(artifact.first_cached_at),
            last_accessed_at: rfc3339(artifact.last_accessed_at),
            access_count: artifact.access_count,
            final_url: artifact.final_url.as_deref(),
            state: artifact.state.word(),
            pinned: artifact.is_pinned,
            tags: &artifact.tags,
            versions: artifact.versions.iter().map(VersionRecord::of).collect(),
        }
    }
}

impl Record<'_> {
    /// With the URLs of the bytes of each version.
    pub(super) fn with_sources(mut self, sources: Vec<Vec<String>>) -> Self {
        for (version, sources) in self.versions.iter_mut().zip(sources) {
            version.sources = Some(sources);
        }
        self
    }
}

impl VersionRecord {
    fn of(version: &Version) -> Self {
        Self {
            sha256: version.digest.to_string(),
            size_bytes: version.size_bytes,
            first_seen: rfc3339(version.first_seen),
            last_seen: rfc3339(version.last_seen),
            sources: None,
        }
    }
}
