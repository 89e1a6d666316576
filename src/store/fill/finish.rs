//! How a fill ends: what is complete and wanted is committed, what is damaged is refused.

use std::error::Error;

use artifact_cache_layers::{
    body::BoxError,
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
    share::SharedError,
};
use bytes::Bytes;

use super::{
    super::{
        pending::Commit,
        worker::{Outcome, Worker},
    },
    Fill,
};
use crate::{
    artifact::check::{Check, Checker, Damaged},
    blob::Partial,
    catalog::Addition,
    telemetry::{access::Downloaded, label::Uncached},
};

impl Fill {
    /// What will be stored.
    fn addition(&self, digest: Sha256, length: u64) -> Addition {
        let head = self.filling.head.clone();
        let response = StoredResponse {
            status: head.status,
            fields: head.fields,
            request_time: head.request_time,
            response_time: head.response_time,
            nominated: head.nominated,
            digest,
            length,
        };
        let uri = self.target.uri.clone();
        Addition {
            key: CacheKey::of(&uri),
            uri,
            final_url: self.final_url.clone(),
            response,
        }
    }

    /// Writes a small artifact, which is complete.
    pub(super) async fn finish_memory(&self, bytes: Bytes, check: Check) {
        let mut checker = Checker::new(check);
        checker.update(&bytes);
        let digest = match checker.finish() {
            Ok(digest) => digest,
            Err(damaged) => return self.refuse(damaged),
        };
        let length = bytes.len() as u64;
        let (blobs, content) = (self.store.blobs().clone(), bytes.clone());
        let write = move || -> std::io::Result<Partial> {
            let partial = Partial::create(&blobs, Some(length))?;
            partial.write_all_at(&content, 0)?;
            Ok(partial)
        };
        self.settle((digest, length), Some(bytes), async move {
            let written = tokio::task::spawn_blocking(write)
                .await
                .map_err(BoxError::from)?;
            written.map_err(BoxError::from)
        })
        .await;
    }

    /// Whether the catalog counts the file from now on.
    pub(super) async fn finish_file(&self, worker: Worker) -> bool {
        match worker.finish().await {
            Ok(Outcome {
                digest: Err(damaged),
                ..
            }) => self.refuse(damaged),
            Ok(Outcome {
                is_written: true,
                partial,
                digest: Ok(digest),
                length,
            }) => {
                let settled = self.settle((digest, length), None, async { Ok(partial) });
                return settled.await;
            }
            Ok(Outcome {
                digest: Ok(digest),
                length,
                ..
            }) => {
                self.store
                    .metrics()
                    .uncached
                    .of(Uncached::DiskFull)
                    .increment();
                self.filling.growing.complete(digest, length, None);
            }
            Err(error) => self.filling.growing.fail(SharedError::new(error)),
        }
        false
    }

    /// Everything has arrived, but it is not what the origin says it is: nobody gets the last byte, and
    /// nothing stays.
    fn refuse(&self, damaged: Damaged) {
        self.filling.growing.fail(SharedError::new(damaged.into()));
    }

    /// Everything has arrived: whoever waits is told at once, and what is wanted is committed. Whether its
    /// file is a blob then.
    async fn settle(
        &self,
        (digest, length): (Sha256, u64),
        bytes: Option<Bytes>,
        partial: impl Future<Output = Result<Partial, BoxError>>,
    ) -> bool {
        let growing = &self.filling.growing;
        self.downloaded(length);
        if !self.filling.is_wanted(&digest) {
            growing.complete(digest, length, bytes);
            return false;
        }
        let addition = self.addition(digest, length);
        let pending = self.store.begin(&addition, growing);
        growing.complete(digest, length, bytes);
        let committed = match (partial.await, pending) {
            (Ok(partial), Ok(pending)) => self.commit(partial, addition, pending).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        committed.unwrap_or_else(|error| {
            self.store
                .metrics()
                .uncached
                .of(Uncached::StoreFailed)
                .increment();
            let source_url = self.target.uri.as_str();
            let error = &*error as &dyn Error;
            tracing::error!(source_url, error, "cannot store the artifact");
            false
        })
    }

    /// What was hit before it had a number gets its hits with the number, before anybody who waits for
    /// the commit goes on.
    async fn commit(
        &self,
        partial: Partial,
        addition: Addition,
        pending: Commit<'_>,
    ) -> Result<bool, BoxError> {
        pending.turn().await;
        let (artifact, is_new) = self.store.commit(partial, addition).await?;
        pending.end(|hits| {
            if let Some(artifact) = artifact {
                (0..hits).for_each(|_| self.store.catalog().count_hit(artifact));
            }
        });
        Ok(is_new)
    }

    fn downloaded(&self, size_bytes: u64) {
        let source_url = self.target.uri.as_str();
        let duration = self.started.elapsed();
        Downloaded {
            source_url,
            size_bytes,
            duration,
        }
        .emit(self.store.metrics());
    }
}
