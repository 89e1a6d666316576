//! What the local routes ask of the product (`api::Backend`).

use std::{path::PathBuf, time::SystemTime};

use artifact_cache_layers::{body::BoxError, digest::Sha256, semantics::target_uri::TargetUri};

use super::App;
use crate::{
    api::{Backend, Explanation, Health, NotReady, Registry},
    artifact::{Artifact, Filter, Page, Totals},
    catalog::Change,
};

/// URLs of the same bytes that are shown.
const MAX_SOURCES: usize = 50;

impl Backend for App {
    async fn settle(&self) {
        self.store.settle().await;
        // Statistics then include the hits counted so far; failing only means that they are older.
        drop(self.store.catalog().flush_hits().await);
    }

    fn totals(&self) -> Result<Totals, BoxError> {
        Ok(self.store.catalog().totals()?)
    }

    fn now(&self) -> SystemTime {
        self.store.clock().now()
    }

    fn page(&self, filter: &Filter) -> Result<Page, BoxError> {
        Ok(self.store.catalog().page(filter)?)
    }

    fn count(&self, filter: &Filter) -> Result<u64, BoxError> {
        Ok(self.store.catalog().count(filter)?)
    }

    fn sources(&self, digest: &Sha256) -> Result<Vec<String>, BoxError> {
        Ok(self.store.catalog().urls_of(digest, MAX_SOURCES)?)
    }

    fn artifact(&self, id: u64) -> Result<Option<Artifact>, BoxError> {
        Ok(self.store.catalog().artifact(id)?)
    }

    async fn remove(&self, id: u64) -> Result<bool, BoxError> {
        let written = self.store.catalog().write(Change::Remove { id }).await?;
        Ok(written.artifact.is_some())
    }

    fn health(&self) -> Health {
        let free = self.store.blobs().free_bytes().unwrap_or(0);
        let not_ready = if self.stop.is_cancelled() {
            Some(NotReady::Draining)
        } else if !self.store.blobs().is_writable() {
            Some(NotReady::NotWritable)
        } else if free < self.config().storage.min_free_bytes.0 {
            Some(NotReady::DiskLow)
        } else {
            None
        };
        let now = self.store.clock().now();
        Health {
            now,
            cache_dir: self.store.blobs().root().to_owned(),
            allow_local_paths: self.config().resolve.allow_local_paths,
            s3_endpoint_url: self.config().s3.url().map(str::to_owned),
            not_ready,
            is_full_for_uploads: free < self.config().files.min_free_bytes.0,
        }
    }

    fn explain(&self, uri: &TargetUri) -> Result<Explanation, BoxError> {
        self.explanation(uri)
    }

    fn metrics_text(&self) -> String {
        self.observe();
        self.metrics.render()
    }

    fn registry(&self) -> Option<Registry> {
        Some(Registry {
            catalog: self.store.catalog().clone(),
            store: self.store.clone(),
            config: self.config(),
            cache: None,
            after: self.after.clone(),
        })
    }

    fn storage_path(&self, digest: &Sha256) -> PathBuf {
        self.store.blobs().path(digest)
    }
}
