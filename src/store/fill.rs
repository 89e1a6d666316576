//! [`Fill`]: one artifact on its way from an origin into the store. It outlives the requests that wait
//! for it; they read what it has written.

use std::{error::Error, sync::Arc, time::Instant};

use artifact_cache_layers::{
    body::BoxError,
    digest::Sha256,
    extensions::Target,
    failure::{Incomplete, TooLarge},
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
    share::{Share, SharedError},
    tee::Sink,
};
use bytes::{Bytes, BytesMut};

use super::{
    Store,
    filling::Filling,
    pending::Commit,
    room::Grant,
    worker::{Outcome, Worker},
};
use crate::{
    artifact::check::{Check, Checker, Damaged},
    blob::Partial,
    catalog::Addition,
    telemetry::{access::Downloaded, instrument::UnderWay, label::Uncached},
};

/// Bytes that are reserved at once when the length is unknown.
pub(super) const STEP: u64 = 4 << 20;

/// One artifact on its way into the store.
pub struct Fill {
    store: Store,
    target: Target,
    final_url: Option<String>,
    filling: Arc<Filling>,
    medium: Option<Medium>,
    taken: u64,
    /// Up to which length there is room.
    room_until: u64,
    grant: Option<Grant>,
    is_spilled: bool,
    started: Instant,
    _under_way: UnderWay,
}

/// Where the bytes are collected.
pub(super) enum Medium {
    /// A small artifact is written at once when it is complete.
    Memory(BytesMut, Check),
    /// Everything else is written as it arrives.
    File(Worker),
}

impl Fill {
    pub(super) fn new(
        store: Store,
        target: Target,
        final_url: Option<String>,
        filling: Arc<Filling>,
        (medium, grant): (Medium, Grant),
        kept: u64,
    ) -> Self {
        let under_way = store.metrics().fills_in_flight.enter();
        let has_length = filling.growing.length().is_some();
        let room_until = if has_length { u64::MAX } else { STEP };
        Self {
            store,
            target,
            final_url,
            filling,
            medium: Some(medium),
            taken: kept,
            room_until,
            grant: Some(grant),
            is_spilled: false,
            started: Instant::now(),
            _under_way: under_way,
        }
    }

    /// What cannot be kept because it is too large is refused to explicit requests, which fetch only
    /// what is kept, and streamed to the others.
    async fn check_size(&mut self, more: u64) -> Result<(), BoxError> {
        let size = self.taken + more;
        let limit = self.store.settings().max_object_bytes.0;
        let is_too_large = limit > 0 && size > limit;
        if is_too_large && self.target.mode.is_archive() {
            return Err(TooLarge { limit, size }.into());
        }
        if self.is_spilled {
            return Ok(());
        }
        if is_too_large || !self.has_room_for(size).await {
            self.is_spilled = true;
            if let Some(Medium::File(worker)) = &self.medium {
                worker.spill().await?;
            }
        }
        Ok(())
    }

    /// Takes the next steps up to `size`.
    async fn has_room_for(&mut self, size: u64) -> bool {
        if size <= self.room_until {
            return true;
        }
        self.room_until = size + STEP;
        let min_free = self.store.settings().min_free_bytes.0;
        match &mut self.grant {
            Some(grant) => grant.grow(self.room_until, min_free).await,
            None => false,
        }
    }

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
    async fn finish_memory(&self, bytes: Bytes, check: Check) {
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

    async fn finish_file(&self, worker: Worker) {
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
                self.settle((digest, length), None, async { Ok(partial) })
                    .await;
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
    }

    /// Everything has arrived, but it is not what the origin says it is: nobody gets the last byte, and
    /// nothing stays.
    fn refuse(&self, damaged: Damaged) {
        self.filling.growing.fail(SharedError::new(damaged.into()));
    }

    /// Everything has arrived: whoever waits is told at once, and what is wanted is committed.
    async fn settle(
        &self,
        (digest, length): (Sha256, u64),
        bytes: Option<Bytes>,
        partial: impl Future<Output = Result<Partial, BoxError>>,
    ) {
        let growing = &self.filling.growing;
        self.downloaded(length);
        if !self.filling.is_wanted(&digest) {
            return growing.complete(digest, length, bytes);
        }
        let addition = self.addition(digest, length);
        let pending = self.store.begin(&addition, growing);
        growing.complete(digest, length, bytes);
        let committed = match (partial.await, pending) {
            (Ok(partial), Ok(pending)) => self.commit(partial, addition, pending).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        if let Err(error) = committed {
            self.store
                .metrics()
                .uncached
                .of(Uncached::StoreFailed)
                .increment();
            let source_url = self.target.uri.as_str();
            let error = &*error as &dyn Error;
            tracing::error!(source_url, error, "cannot store the artifact");
        }
    }

    /// What was hit before it had a number gets its hits with the number, before anybody who waits for
    /// the commit goes on.
    async fn commit(
        &self,
        partial: Partial,
        addition: Addition,
        pending: Commit<'_>,
    ) -> Result<(), BoxError> {
        pending.turn().await;
        let artifact = self.store.commit(partial, addition).await?;
        pending.end(|hits| {
            if let Some(artifact) = artifact {
                (0..hits).for_each(|_| self.store.catalog().count_hit(artifact));
            }
        });
        Ok(())
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

impl Sink for Fill {
    fn share(&self) -> Arc<dyn Share> {
        self.filling.clone()
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), BoxError> {
        let len = bytes.len() as u64;
        self.check_size(len).await?;
        self.store.metrics().bytes_downloaded.add(len);
        match &mut self.medium {
            Some(Medium::Memory(collected, _)) => collected.extend_from_slice(&bytes),
            Some(Medium::File(worker)) => worker.write(bytes).await?,
            None => {}
        }
        self.taken += len;
        Ok(())
    }

    fn resumed(&self) {
        self.store.metrics().resumed.increment();
    }

    async fn restart(&mut self) -> bool {
        let is_restarted = match &mut self.medium {
            Some(Medium::Memory(collected, _)) if self.filling.growing.restart() => {
                collected.clear();
                true
            }
            Some(Medium::File(worker)) => worker.restart().await,
            _ => false,
        };
        if is_restarted {
            self.taken = 0;
        }
        is_restarted
    }

    async fn finish(mut self) {
        match self.medium.take() {
            Some(Medium::Memory(collected, check)) => {
                self.finish_memory(collected.freeze(), check).await;
            }
            Some(Medium::File(worker)) => self.finish_file(worker).await,
            None => {}
        }
    }

    async fn fail(mut self, error: BoxError) {
        self.filling.growing.fail(SharedError::new(error));
        if let Some(Medium::File(worker)) = self.medium.take()
            && let Ok(outcome) = worker.finish().await
            && outcome.is_written
            && let Some(grant) = self.grant.take()
        {
            let left = (outcome.partial, grant);
            self.store
                .kept_partials()
                .leave(CacheKey::of(&self.target.uri), left);
        }
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        // Only when the task was cancelled: every other way out has a verdict.
        let abandoned = Incomplete {
            received: self.taken,
            expected: self.filling.growing.length(),
        };
        self.filling
            .growing
            .fail(SharedError::new(abandoned.into()));
    }
}
