//! Keeps the store within its cap and the disk from filling up: woken by whoever finds little room, it
//! evicts in rounds, down to the low watermark, until there is room or nothing that may go.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::{
    store::{Store, commit::CommitError},
    telemetry::metrics::Metrics,
};

/// How often it looks without being woken: others write to the disk, too.
const LOOK: Duration = Duration::from_secs(5);

/// How long it rests at least when nothing can go.
const REST: Duration = Duration::from_millis(100);

/// Runs until `stop`.
pub async fn run(store: Store, metrics: Metrics, stop: CancellationToken) {
    let mut was_dry = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = store.room().pressed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        let started = Instant::now();
        // A round that was begun is finished: it holds what it removes.
        let is_dry = make_room(&store, &metrics, &stop)
            .await
            .unwrap_or_else(|error| {
                let error = &error as &dyn Error;
                tracing::warn!(error, "cannot evict");
                true
            });
        if is_dry {
            if !was_dry {
                tracing::warn!("there is too little room and nothing that may be evicted");
            }
            rest(&store, started.elapsed(), &stop).await;
        }
        was_dry = is_dry;
    }
}

/// Looking through everything in vain costs something: not again at once.
async fn rest(store: &Store, looked_for: Duration, stop: &CancellationToken) {
    store.room().set_dry(true);
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(REST.max(looked_for * 10)) => {}
    }
    store.room().set_dry(false);
}

/// Evicts until there is room; whether there is not and nothing may go.
async fn make_room(
    store: &Store,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<bool, CommitError> {
    let room = store.room();
    if room.excess().is_none() {
        return Ok(false);
    }
    let until = store.catalog().youngest_place()?;
    let (mut urls, mut bytes) = (0, 0);
    let mut is_dry = false;
    while let Some((excess, reason)) = room.excess().filter(|_| !is_dry && !stop.is_cancelled()) {
        let round = store.evict(excess, until, reason).await?;
        metrics.evicted.add(round.urls());
        metrics.evicted_bytes.add(round.bytes());
        urls += round.urls();
        bytes += round.bytes();
        if round.bytes() > 0 {
            room.freed();
        } else if round.is_exhausted {
            is_dry = !store.drop_part().await;
        }
    }
    if bytes > 0 {
        tracing::info!(artifacts = urls, size_bytes = bytes, "evicted");
    }
    Ok(is_dry)
}
