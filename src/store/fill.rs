//! [`Fill`]: one artifact on its way from an origin into the store. It outlives the requests that wait
//! for it; they read what it has written.

mod finish;

use std::{sync::Arc, time::Instant};

use artifact_cache_layers::{
    body::BoxError,
    extensions::Target,
    failure::{Incomplete, TooLarge},
    semantics::cache_key::CacheKey,
    share::{Share, SharedError},
    tee::Sink,
};
use bytes::{Bytes, BytesMut};

use super::{Store, filling::Filling, room::Grant, under_way::Listed, worker::Worker};
use crate::{artifact::check::Check, telemetry::instrument::UnderWay};

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
    _listed: Listed,
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
        let listed = store.under_way().list(&target.uri, &filling.growing);
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
            _listed: listed,
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
            Some(Medium::File(worker)) => {
                // What is no blob takes its room as long as somebody reads it.
                if !self.finish_file(worker).await
                    && let Some(grant) = self.grant.take()
                {
                    self.filling.growing.keep(grant);
                }
            }
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
