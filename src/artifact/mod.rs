//! `Artifact`: what is known of one source URL; the registry's models and events. Plain values, no I/O.

pub mod canonical;
pub mod check;
pub mod event;
pub mod figures;
pub mod listing;
pub mod misses;
pub mod model;
pub mod moment;

pub mod file;

pub use listing::{Filter, Page, Place};

use std::time::SystemTime;

use artifact_cache_layers::digest::Sha256;
use listing::State;
use serde::Serialize;

/// What is known of one source URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Number of the artifact; never reused.
    pub id: u64,
    /// The URL that was asked for, normalised.
    pub source_url: String,
    /// Where redirects ended, when they did not end at `source_url`.
    pub final_url: Option<String>,
    /// Media type of the newest version.
    pub content_type: Option<String>,
    /// When the first version was stored.
    pub first_cached_at: SystemTime,
    /// When it was last served from the store; the time of storing before the first hit.
    pub last_accessed_at: SystemTime,
    /// How often it was served from the store.
    pub access_count: u64,
    /// The digests this URL has served, newest first; never empty.
    pub versions: Vec<Version>,
    /// What can be served of it.
    pub state: State,
    /// Whether an operator pinned it, or bytes of it.
    pub is_pinned: bool,
    /// Its tags, in order.
    pub tags: Vec<String>,
}

/// One digest that a URL has served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Digest of the bytes.
    pub digest: Sha256,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When the URL first served it.
    pub first_seen: SystemTime,
    /// When the origin last served or confirmed it.
    pub last_seen: SystemTime,
}

/// Sums over the whole store, kept up to date by every write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Totals {
    /// Artifacts, one per URL.
    pub total_items: u64,
    /// Bytes of distinct blobs.
    pub total_size_bytes: u64,
    /// Hits over all artifacts.
    pub total_accesses: u64,
    /// Bytes that would be stored without deduplication.
    pub logical_size_bytes: u64,
    /// Distinct blobs.
    pub total_blobs: u64,
}
