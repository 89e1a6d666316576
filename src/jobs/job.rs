//! [`Job`]: one piece of work as it is seen from inside, which says how far it has come and asks whether it
//! shall go on, and from outside, which reads that and cancels it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use artifact_cache_layers::body::BoxError;
use serde_json::Value;
use tokio::{runtime::Handle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{CatalogError, JobFailure, JobKey, JobRecord, JobState},
    telemetry::{label::JobKind, metrics::Metrics},
};

/// Failures of one job that are kept; all are counted.
const MAX_FAILURES: usize = 100;
/// Longest text of others that is kept, in bytes.
const MAX_TEXT: usize = 1000;

/// A piece of work. Clones share it.
#[derive(Clone)]
pub struct Job(Arc<Shared>);

struct Shared {
    number: u64,
    kind: JobKind,
    about: String,
    created_at: SystemTime,
    key: Option<JobKey>,
    metrics: Metrics,
    is_cancelled: AtomicBool,
    /// Cancelled by whoever cancels the job, and when the cache stops.
    halt: CancellationToken,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    step: &'static str,
    position: String,
    done: u64,
    total: Option<u64>,
    unit: &'static str,
    failed: u64,
    failures: Vec<JobFailure>,
    report: Option<Value>,
    end: Option<(JobState, SystemTime, Option<String>)>,
}

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was told not to go on.
    #[error("it was told to stop")]
    Halted,
    /// It cannot.
    #[error(transparent)]
    Failed(#[from] BoxError),
}

impl From<CatalogError> for JobError {
    fn from(error: CatalogError) -> Self {
        Self::Failed(error.into())
    }
}

impl Job {
    pub(super) fn new(
        number: u64,
        order: super::Order,
        created_at: SystemTime,
        metrics: Metrics,
        halt: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared {
            number,
            kind: order.kind,
            about: cut(&order.about),
            created_at,
            key: order.key,
            metrics,
            is_cancelled: AtomicBool::new(false),
            halt,
            progress: Mutex::default(),
        }))
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        self.0.kind
    }

    /// Who asked for it.
    pub(super) fn key(&self) -> Option<&JobKey> {
        self.0.key.as_ref()
    }

    /// Begins another part of the work: `total` of `unit`, as far as that is known.
    pub fn step(&self, step: &'static str, total: Option<u64>, unit: &'static str) {
        let mut progress = self.progress();
        (progress.step, progress.unit) = (step, unit);
        (progress.done, progress.total) = (0, total);
    }

    /// So much more is done.
    pub fn advance(&self, amount: u64) {
        self.progress().done += amount;
    }

    /// There turns out to be so much.
    pub fn expect(&self, total: u64) {
        self.progress().total = Some(total);
    }

    /// It is at this now.
    pub fn at(&self, position: &str) {
        self.progress().position = cut(position);
    }

    /// A single subject failed; the work goes on.
    pub fn fail(&self, subject: &str, reason: &str) {
        self.0.metrics.job_failures.of(self.0.kind).increment();
        let mut progress = self.progress();
        progress.failed += 1;
        if progress.failures.len() < MAX_FAILURES {
            progress.failures.push(JobFailure {
                subject: cut(subject),
                reason: cut(reason),
            });
        }
    }

    /// What it has to say so far.
    pub fn report(&self, report: Value) {
        self.progress().report = Some(report);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`JobError::Halted`] when it was cancelled, or the cache stops.
    pub fn go_on(&self) -> Result<(), JobError> {
        if self.0.halt.is_cancelled() {
            return Err(JobError::Halted);
        }
        Ok(())
    }

    /// Resolves when the work is to stop.
    pub async fn halted(&self) {
        self.0.halt.cancelled().await;
    }

    /// Rests on a thread that may block, unless the work is to stop.
    ///
    /// # Errors
    /// As [`Job::go_on`].
    pub fn rest(&self, duration: Duration) -> Result<(), JobError> {
        if !duration.is_zero() {
            // It is over when the time is, or when the work is to stop; both are fine here.
            let _ = Handle::current().block_on(timeout(duration, self.halted()));
        }
        self.go_on()
    }

    /// Tells the work to stop; whether it had not ended yet.
    pub(super) fn cancel(&self) -> bool {
        let is_running = self.progress().end.is_none();
        if is_running {
            self.0.is_cancelled.store(true, Ordering::Release);
            self.0.halt.cancel();
        }
        is_running
    }

    /// Whether it came to an end, though not everybody may know yet.
    pub(super) fn is_over(&self) -> bool {
        self.progress().end.is_some()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    pub(super) fn end(&self, state: JobState, at: SystemTime, error: Option<String>) {
        self.progress().end = Some((state, at, error.map(|error| cut(&error))));
    }

    /// How far it has come.
    #[must_use]
    pub fn record(&self) -> JobRecord {
        let progress = self.progress();
        let (state, ended_at, error) = match &progress.end {
            Some((state, at, error)) => (*state, Some(*at), error.clone()),
            None => (JobState::Running, None, None),
        };
        JobRecord {
            number: self.0.number,
            kind: self.0.kind.word().to_owned(),
            about: self.0.about.clone(),
            state,
            created_at: self.0.created_at,
            ended_at,
            step: progress.step.to_owned(),
            position: progress.position.clone(),
            done: progress.done,
            total: progress.total,
            unit: progress.unit.to_owned(),
            failed: progress.failed,
            failures: progress.failures.clone(),
            error,
            report: progress
                .report
                .as_ref()
                .map_or_else(String::new, Value::to_string),
            key: self.0.key.clone(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every statement leaves it whole.
        let progress = self.0.progress.lock();
        progress.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text of others, as much as is kept of it.
fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_all_counted_and_the_first_are_kept() {
        let order = super::super::Order::new(JobKind::Verify, "test");
        let job = Job::new(
            7,
            order,
            SystemTime::UNIX_EPOCH,
            Metrics::new(),
            CancellationToken::new(),
        );
        for n in 0..MAX_FAILURES + 5 {
            job.fail(&n.to_string(), &"é".repeat(MAX_TEXT));
        }
        let record = job.record();
        assert_eq!(record.failed, MAX_FAILURES as u64 + 5);
        assert_eq!(record.failures.len(), MAX_FAILURES);
        assert!(record.failures[0].reason.len() <= MAX_TEXT);
    }
}
