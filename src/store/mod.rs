//! `Store`: catalog and blobs as one thing. It owns what the layers ask of a store (`lookup`, `admit`),
//! the fills that bring bytes in (`fill`), and the order in which they become durable (`commit`).

pub mod admit;
pub mod archive;
pub mod backup;
mod backups;
pub mod bundle;
pub mod commit;
pub mod evict;
pub mod fill;
mod filling;
pub mod fsck;
mod hashing;
mod heal;
mod holds;
mod kept;
pub mod lookup;
mod pending;
mod pointers;
pub mod reap;
mod refusals;
mod repeat;
pub mod resumable;
pub mod retention;
pub mod room;
pub mod sweep;
pub mod under_way;
pub mod upload;
pub mod verify;
pub mod view;
mod worker;

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    body::BoxError,
    cache::{Rules, Store as _, StoredSet as _},
    digest::Sha256,
    semantics::cache_key::CacheKey,
};
use tokio_util::task::TaskTracker;

use self::{
    commit::{Committer, Verified},
    heal::Suspects,
    kept::KeptPartials,
    pending::{Commit, Pending},
    refusals::Refusals,
    room::Room,
    under_way::UnderWay,
    view::Views,
};
use crate::{
    blob::{BlobStore, Partial, follow::Growing},
    catalog::{Addition, Catalog, ResponseSet},
    clock::Clock,
    config::storage::Storage,
    telemetry::metrics::Metrics,
};

/// Catalog and blobs as one thing. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

/// What a store is made of.
pub struct Parts {
    /// Metadata and bytes, and the order in which they change.
    pub committer: Committer,
    /// Sizes and paths.
    pub settings: Storage,
    /// What may be stored and reused; replaced on reload.
    pub rules: Arc<ArcSwap<Rules>>,
    /// The time.
    pub clock: Clock,
    /// Where to count.
    pub metrics: Metrics,
    /// Owns the fills.
    pub tasks: TaskTracker,
}

struct Shared {
    parts: Parts,
    pending: Pending,
    uploads: resumable::Uploads,
    kept: KeptPartials,
    refusals: Refusals,
    room: Room,
    views: Views,
    under_way: UnderWay,
    started: SystemTime,
    /// What is hashed before it is read for the first time, if anything.
    suspects: Option<Suspects>,
}

impl Store {
    /// A store of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (catalog, blobs) = (parts.committer.catalog(), parts.committer.blobs());
        let room = Room::new(catalog, blobs, &parts.settings);
        let kept = KeptPartials::new(
            (blobs.clone(), room.clone()),
            parts.settings.keep_partial.0,
            parts.clock.clone(),
        );
        let started = parts.clock.now();
        let unclean = catalog.unclean_stop().ok().flatten();
        let unclean = unclean.filter(|_| parts.settings.verify_after_unclean_stop);
        let suspects = unclean.map(Suspects::since);
        Self(Arc::new(Shared {
            started,
            suspects,
            views: Views::default(),
            under_way: UnderWay::default(),
            parts,
            pending: Pending::default(),
            uploads: resumable::Uploads::default(),
            kept,
            refusals: Refusals::default(),
            room,
        }))
    }

    /// Metadata.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        self.0.parts.committer.catalog()
    }

    /// Bytes.
    #[must_use]
    pub fn blobs(&self) -> &BlobStore {
        self.0.parts.committer.blobs()
    }

    /// The revision of what is stored under `key`; 0 when nothing is, or nothing can be read.
    #[must_use]
    pub fn revision(&self, key: &CacheKey) -> u64 {
        self.stored(key)
            .ok()
            .flatten()
            .map_or(0, |set| set.revision())
    }

    fn settings(&self) -> &Storage {
        &self.0.parts.settings
    }

    fn rules(&self) -> Arc<Rules> {
        self.0.parts.rules.load_full()
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    fn metrics(&self) -> &Metrics {
        &self.0.parts.metrics
    }

    fn tasks(&self) -> &TaskTracker {
        &self.0.parts.tasks
    }

    /// Runs work to its end, whether or not anybody waits for it; `None` when it panicked.
    pub async fn own<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tasks().spawn(work).await.ok()
    }

    /// The downloads under way.
    #[must_use]
    pub fn under_way(&self) -> &UnderWay {
        &self.0.under_way
    }

    fn pending(&self) -> &Pending {
        &self.0.pending
    }

    fn views(&self) -> &Views {
        &self.0.views
    }

    /// Why the latest answer for `key` was not stored, if one was not and that is remembered.
    #[must_use]
    pub fn refusal(&self, key: &CacheKey) -> Option<&'static str> {
        self.0.refusals.find(key)
    }

    fn uploads(&self) -> &resumable::Uploads {
        &self.0.uploads
    }

    fn kept_partials(&self) -> &KeptPartials {
        &self.0.kept
    }

    /// How much may be stored.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.0.room
    }

    /// Serves a complete response from its growing blob until the returned commit is dropped.
    fn begin(&self, addition: &Addition, growing: &Arc<Growing>) -> Result<Commit<'_>, BoxError> {
        let stored = self.stored(&addition.key)?;
        let set = stored.map_or_else(|| ResponseSet::of(addition), |set| set.with(addition));
        let digest = addition.response.digest;
        Ok(self
            .pending()
            .begin(addition.key, Arc::new(set), digest, growing.clone()))
    }

    /// Makes a verified artifact durable, and returns its number, and whether its file is the blob now.
    async fn commit(
        &self,
        partial: Partial,
        addition: Addition,
    ) -> Result<(Option<u64>, bool), BoxError> {
        let response = &addition.response;
        let verified = Verified::check((response.digest, response.length), None, None)?;
        let committed = self.committer().commit(partial, verified, addition).await?;
        Ok((committed.written.artifact, committed.is_new))
    }

    /// Waits until everything that clients were given so far is in the catalog as well.
    pub async fn settle(&self) {
        self.pending().over().await;
    }

    /// What is stored of a URL that has `digest`.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn holder(&self, digest: &Sha256) -> Result<Option<Arc<ResponseSet>>, BoxError> {
        match self.pending().holder(digest) {
            Some(set) => Ok(Some(set)),
            None => Ok(self.catalog().holder(digest)?.map(|holder| holder.set)),
        }
    }

    /// Metadata and bytes, and the order in which they change.
    #[must_use]
    pub fn committer(&self) -> &Committer {
        &self.0.parts.committer
    }

    /// Leaves what can be continued as files: at shutdown.
    pub fn leave_partials(&self) {
        self.kept_partials().leave_all();
    }

    /// Removes what interrupted transfers left of these URLs.
    pub async fn forget_parts(&self, keys: &[CacheKey]) {
        for key in keys {
            self.kept_partials().forget(key).await;
        }
    }

    /// Parts of artifacts that can be continued.
    #[must_use]
    pub fn partial_files(&self) -> u64 {
        self.kept_partials().count()
    }
}
