//! The catalog: what is known of every URL and every blob, in LMDB.
//!
//! Reads are done inline by whoever asks: one short transaction, everything copied out, closed before
//! the call returns. All writes go through one thread (`writer`). LMDB's types appear in no public
//! signature. The files of the blobs are not the catalog's business: `blob` has them, and
//! `store::commit` keeps the two in step.

mod audit;
mod ballast;
mod change;
mod claim;
mod codec;
mod decoded;
mod environment;
mod error;
mod evictions;
mod files;
mod history;
mod hits;
mod jobs;
mod labels;
mod list;
mod models;
pub mod operator;
mod orders;
mod outbox;
mod pins;
pub mod policy;
mod ranks;
mod read;
mod set;
mod snapshot;
mod table;
pub mod tags;
mod tokens;
mod top;
mod transaction;
mod upgrade;
mod walk;
mod why;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};
use tokio::sync::mpsc;

pub use self::{
    audit::{Audit, Inconsistency},
    change::{Addition, Change, Written},
    claim::Claim,
    codec::Malformed,
    error::CatalogError,
    evictions::{Evicted, Eviction, MAX_EVICTIONS},
    files::FileChange,
    jobs::{JobFailure, JobKey, JobRecord, JobState, MAX_JOBS},
    list::{MAX_LISTED, Selection},
    models::{Import, ImportReport, Incoming, ModelFilter, ModelSort, ModelStats},
    pins::{Keeper, Pin, PinOf},
    set::{BlobRecord, Holder, MAX_VARIANTS, MAX_VERSIONS, ResponseSet, Stored},
    snapshot::Snapshot,
    tags::{TagChange, Tagged},
    tokens::{MAX_TOKENS, TokenRecord},
    why::{MAX_AHEAD, Standing},
};
use self::{
    decoded::Decoded,
    environment::Environment,
    hits::Hits,
    writer::{Request, Writer},
};
use crate::{
    artifact::{Artifact, Totals},
    clock::Clock,
};

/// URLs looked at to find one whose current response has a digest.
const HOLDERS_TRIED: usize = 16;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// How the catalog is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogOptions {
    /// Address range reserved for the map, in bytes: the most the catalog can grow to. Costs nothing
    /// until used.
    pub map_size_bytes: usize,
    /// Changes that may wait for the writer before `write` waits too.
    pub queue: usize,
}

impl Default for CatalogOptions {
    fn default() -> Self {
        Self {
            map_size_bytes: 1 << 40,
            queue: 4096,
        }
    }
}

/// A handle on the open catalog; clones share it. The last one dropped waits for the writer to end.
#[derive(Clone)]
pub struct Catalog(Arc<Shared>);

struct Shared {
    environment: Arc<Environment>,
    decoded: Decoded,
    hits: Arc<Hits>,
    clock: Clock,
    commits: Arc<AtomicU64>,
    allocated: Arc<AtomicU64>,
    /// `None` only while being dropped.
    requests: Option<mpsc::Sender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Catalog {
    /// Opens or creates the catalog in `directory`, alone: a second opener is refused. The time does
    /// not depend on how much is stored.
    pub fn open(directory: &Path, options: &CatalogOptions, clock: Clock) -> Result<Self> {
        let environment = Arc::new(Environment::open(directory, options.map_size_bytes)?);
        match ballast::take(&environment) {
            // A catalog that is already full is opened all the same, to be read and emptied.
            Err(error) if !error.is_full() => return Err(error),
            _ => {}
        }
        let (sender, requests) = mpsc::channel(options.queue.max(1));
        let writer = Writer {
            environment: Arc::clone(&environment),
            hits: Arc::new(Hits::new()),
            clock: clock.clone(),
            commits: Arc::default(),
            allocated: Arc::default(),
        };
        writer.prepare()?;
        let (hits, commits) = (Arc::clone(&writer.hits), Arc::clone(&writer.commits));
        let allocated = Arc::clone(&writer.allocated);
        let thread = write::start(writer, requests).map_err(|source| CatalogError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self(Arc::new(Shared {
            environment,
            decoded: Decoded::new(),
            hits,
            clock,
            commits,
            allocated,
            requests: Some(sender),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// What is stored of a URL. The path of every hit: one read, and the set is decoded only when it
    /// was written since it was decoded last.
    pub fn responses(&self, key: &CacheKey) -> Result<Option<Arc<ResponseSet>>> {
        self.0.decoded.read(self.environment(), key)
    }

    /// What is known of a blob; nothing once it lost its last reference.
    pub fn blob(&self, digest: &Sha256) -> Result<Option<BlobRecord>> {
        let txn = self.environment().read()?;
        self.environment().tables.blob(&txn, digest)
    }

    /// Some URL that holds `digest`, best one whose current response has it. Never for private blobs:
    /// there a digest is no permission.
    pub fn holder(&self, digest: &Sha256) -> Result<Option<Holder>> {
        if self.blob(digest)?.is_none_or(|blob| blob.private) {
            return Ok(None);
        }
        let mut past = None;
        for key in self.holders(digest)? {
            let Some(set) = self.responses(&key)? else {
                continue;
            };
            let response = set.index_of(digest);
            let holder = Holder { key, set, response };
            if response.is_some() {
                return Ok(Some(holder));
            }
            past.get_or_insert(holder);
        }
        Ok(past)
    }

    fn holders(&self, digest: &Sha256) -> Result<Vec<CacheKey>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        tables.holders(&txn, digest, HOLDERS_TRIED)
    }

    /// An artifact by its id. Hits not flushed yet are not in it.
    pub fn artifact(&self, id: u64) -> Result<Option<Artifact>> {
        let txn = self.environment().read()?;
        self.environment().tables.artifact(&txn, id)
    }

    /// An artifact by the key of its URL.
    pub fn artifact_of(&self, key: &CacheKey) -> Result<Option<Artifact>> {
        match self.responses(key)? {
            Some(set) => self.artifact(set.id),
            None => Ok(None),
        }
    }

    /// Sums over everything stored, in constant time. Hits not flushed yet are not in it.
    pub fn totals(&self) -> Result<Totals> {
        let txn = self.environment().read()?;
        Ok(self.environment().tables.counters(&txn)?.into())
    }

    /// Counts one hit, in memory: never waits. Written every few seconds and by [`Catalog::close`].
    pub fn count_hit(&self, artifact: u64) {
        let now = codec::nanoseconds(self.0.clock.now());
        self.0.hits.count(artifact, now);
    }

    /// Transactions committed since opening.
    pub fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Acquire)
    }

    /// Bytes that all blobs take on disk, those that wait for their removal included. From memory.
    pub fn allocated_bytes(&self) -> u64 {
        self.0.allocated.load(Ordering::Acquire)
    }

    /// Size of the catalog's file in bytes.
    pub fn size_bytes(&self) -> Result<u64> {
        self.environment().size_bytes()
    }

    /// The catalog's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn environment(&self) -> &Environment {
        &self.0.environment
    }
}

impl Shared {
    fn take_thread(&self) -> Option<JoinHandle<()>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take()
    }
}

impl Drop for Shared {
    /// Waits for the writer, so that the catalog can be opened again as soon as it is dropped.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.take_thread() {
            let _ = thread.join();
        }
    }
}
