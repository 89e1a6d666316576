//! Keeps the time series of the main figures: samples counters and sums every ten seconds, in memory, and
//! writes what it has to the catalog once a minute and at the end. Requests have no part in it.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_util::sync::CancellationToken;

use crate::{
    artifact::figures::{Figures, Slot, Step, merge},
    catalog::{CatalogError, Change},
    store::Store,
    telemetry::{label::Outcome, metrics::Metrics},
};

/// Samples between two writes.
const WRITE_EVERY: u32 = 6;
/// Slots that wait at most, when the catalog cannot be written: an hour.
const MAX_WAITING: usize = 360;

/// The time series of one cache. Clones share them.
#[derive(Clone)]
pub struct History(Arc<Shared>);

struct Shared {
    store: Store,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the counters had come to at the last sample.
    counted: Figures,
    /// What is not written yet, in order of time.
    waiting: Vec<Slot>,
    /// What is being written, or could not be, and the mark of its write.
    writing: Vec<Slot>,
    mark: u64,
}

impl History {
    /// The series of a store.
    #[must_use]
    pub fn new(store: Store, metrics: Metrics) -> Self {
        // Another number than any of an earlier process.
        let mark = nanoseconds(store.clock().now());
        let state = Mutex::new(State {
            mark,
            ..State::default()
        });
        Self(Arc::new(Shared {
            store,
            metrics,
            state,
        }))
    }

    /// Samples and writes until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut samples = 0;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(until_next(self.now())) => {}
            }
            self.sample();
            samples += 1;
            if stop.is_cancelled() || samples % WRITE_EVERY == 0 {
                self.write().await;
            }
        }
    }

    /// The slots of a step that begin at `from` or later, up to this moment.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn read(&self, step: Step, from: u64) -> Result<Vec<Slot>, CatalogError> {
        self.sample();
        let state = self.lock();
        let (mut slots, mark) = self.0.store.catalog().history(step, from)?;
        let since = |slot: &&Slot| step.start(slot.start) >= from;
        // What is being written is in the catalog from one moment to the next.
        let is_written = mark == Some(state.mark);
        let writing = state.writing.iter().filter(|_| !is_written);
        let unwritten = writing.chain(&state.waiting).filter(since);
        merge(&mut slots, step, &unwritten.copied().collect::<Vec<_>>());
        Ok(slots)
    }

    /// Now, in seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    fn sample(&self) {
        let start = Step::TenSeconds.start(self.seconds());
        let Some(counted) = self.counted() else {
            return;
        };
        let mut state = self.lock();
        let figures = counted.since(state.counted);
        state.counted = counted;
        merge(
            &mut state.waiting,
            Step::TenSeconds,
            &[Slot { start, figures }],
        );
    }

    /// What all counters have come to; `None` when the catalog cannot be read.
    fn counted(&self) -> Option<Figures> {
        let (metrics, totals) = (&self.0.metrics, self.0.store.catalog().totals().ok()?);
        let requests = |outcome| metrics.requests.of(outcome).value();
        let (hits, misses) = (requests(Outcome::Hit), requests(Outcome::Miss));
        let errors = requests(Outcome::Error);
        Some(Figures {
            requests: hits + misses + errors,
            hits,
            misses,
            errors,
            bytes_served: metrics.bytes_served.value(),
            bytes_downloaded: metrics.bytes_downloaded.value(),
            stored_bytes: totals.total_size_bytes,
            objects: totals.total_items,
        })
    }

    /// Writes what waits; what cannot be written waits on.
    async fn write(&self) {
        let (slots, mark) = {
            let mut state = self.lock();
            let State {
                waiting, writing, ..
            } = &mut *state;
            merge(writing, Step::TenSeconds, waiting);
            waiting.clear();
            let too_many = writing.len().saturating_sub(MAX_WAITING);
            writing.drain(..too_many);
            (writing.clone(), state.mark)
        };
        let note = Change::Note { slots, mark };
        match self.0.store.catalog().write(note).await {
            Ok(_) => {
                let mut state = self.lock();
                state.writing.clear();
                state.mark += 1;
            }
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, "cannot write the time series");
            }
        }
    }

    fn now(&self) -> SystemTime {
        self.0.store.clock().now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = &self.0.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX >> 1)
}

/// Until the next slot begins.
fn until_next(now: SystemTime) -> Duration {
    let step = u128::from(Step::TenSeconds.seconds()) * 1000;
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let into = since.as_millis() % step;
    Duration::from_millis(u64::try_from(step - into).unwrap_or(1))
}
