//! [`Jobs`]: who owns every [`Job`]. It starts them, one of a kind at a time where the kind wants that, keeps
//! what became of them in the catalog, and calls those interrupted that were at work when the cache stopped.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Job, JobError, Order, Refused, Started,
    end::{described, report, word},
    order::{MAX_RUNNING, before},
};
use crate::{
    catalog::{Catalog, CatalogError, Change, JobRecord, JobState},
    store::Store,
    telemetry::metrics::Metrics,
};

/// The owner of all jobs. Clones share it.
#[derive(Clone)]
pub struct Jobs(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    metrics: Metrics,
    tasks: TaskTracker,
    stop: CancellationToken,
    running: Mutex<BTreeMap<u64, Job>>,
    next: AtomicU64,
    /// The first number of this process.
    first: u64,
}

/// The jobs at work at one moment, and the number that the next one was to have.
struct Snapshot {
    running: BTreeMap<u64, Job>,
    next: u64,
}

impl Jobs {
    /// The owner over the catalog of this store, whose jobs end with `stop` and are tasks of `tasks`.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn open(
        store: &Store,
        metrics: &Metrics,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Result<Self, CatalogError> {
        let catalog = store.catalog().clone();
        let last = catalog.jobs(u64::MAX, 1, |_| true)?;
        let next = last.first().map_or(1, |job| job.number + 1);
        Ok(Self(Arc::new(Shared {
            catalog,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            running: Mutex::default(),
            next: AtomicU64::new(next),
            first: next,
        })))
    }

    /// Starts work, once its record is durable.
    ///
    /// # Errors
    /// When it may not be started now, or the catalog takes no record of it.
    pub async fn start<W, F>(&self, order: Order, work: W) -> Result<Started, Refused>
    where
        W: FnOnce(Job) -> F + Send + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let job = match self.admit(order)? {
            Ok(job) => job,
            Err(before) => return Ok(before),
        };
        let mut admitted = Admitted {
            jobs: self,
            job: Some(job.clone()),
        };
        if let Some(before) = self.asked_before(&job)? {
            return Ok(before);
        }
        let record = job.record();
        self.write(record.clone()).await?;
        admitted.job = None;
        tracing::info!(
            job = job.number(),
            kind = job.kind().word(),
            about = record.about,
            "job started"
        );
        let this = self.clone();
        self.0
            .tasks
            .spawn(async move { this.carry_out(job, work).await });
        let is_new = true;
        Ok(Started { record, is_new })
    }

    /// The latest jobs before the number `before`, at most `limit` of those that `wanted` takes.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn list(
        &self,
        before: u64,
        limit: usize,
        mut wanted: impl FnMut(&JobRecord) -> bool,
    ) -> Result<Vec<JobRecord>, CatalogError> {
        let snapshot = self.snapshot();
        let mut found = Vec::new();
        self.0.catalog.jobs(before, limit, |job| {
            let job = self.now(&snapshot, job.clone());
            let is_wanted = wanted(&job);
            if is_wanted {
                found.push(job);
            }
            is_wanted
        })?;
        Ok(found)
    }

    /// The job of that number.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn show(&self, number: u64) -> Result<Option<JobRecord>, CatalogError> {
        let snapshot = self.snapshot();
        let written = self.0.catalog.job(number)?;
        Ok(written.map(|job| self.now(&snapshot, job)))
    }

    /// Tells a job to stop; whether it was at work.
    #[must_use]
    pub fn cancel(&self, number: u64) -> bool {
        let job = self.running().get(&number).cloned();
        job.is_some_and(|job| job.cancel())
    }

    /// Calls those interrupted that were at work when an earlier process ended.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub async fn recover(&self) -> Result<(), CatalogError> {
        let is_left = |job: &JobRecord| job.ended_at.is_none();
        let left = self.0.catalog.jobs(self.0.first, usize::MAX, is_left)?;
        for job in left {
            tracing::warn!(job = job.number, kind = job.kind, "job was interrupted");
            self.write(self.interrupted(job)).await?;
        }
        Ok(())
    }

    /// Writes how far those have come that are at work.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn flush(&self) -> Result<(), CatalogError> {
        let running: Vec<Job> = self.running().values().cloned().collect();
        for job in running {
            let record = job.record();
            // Whoever ends it writes the end.
            if record.ended_at.is_none() {
                self.write(record).await?;
            }
        }
        Ok(())
    }

    /// Takes a job in, or finds the one that was asked for under the same key and is at work.
    fn admit(&self, order: Order) -> Result<Result<Job, Started>, Refused> {
        if self.0.stop.is_cancelled() {
            return Err(Refused::Stopping);
        }
        let mut running = self.running();
        if let Some(key) = &order.key {
            let same = running
                .values()
                .find(|job| job.key().is_some_and(|it| it.key == key.key));
            if let Some(same) = same {
                return before(same.record(), key).map(Err);
            }
        }
        let mut others = running.values().filter(|job| !job.is_over());
        let other = others.find(|job| job.kind() == order.kind);
        if let Some(other) = other.filter(|_| order.is_alone) {
            return Err(Refused::Running(other.number()));
        }
        if running.len() >= MAX_RUNNING {
            return Err(Refused::TooMany);
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let now = self.0.catalog.clock().now();
        let job = Job::new(
            number,
            order,
            now,
            self.0.metrics.clone(),
            self.0.stop.child_token(),
        );
        running.insert(number, job.clone());
        Ok(Ok(job))
    }

    /// A job that ended and was asked for under the same key.
    fn asked_before(&self, job: &Job) -> Result<Option<Started>, Refused> {
        let Some(key) = job.key() else {
            return Ok(None);
        };
        let is_same = |job: &JobRecord| job.key.as_ref().is_some_and(|it| it.key == key.key);
        let snapshot = self.snapshot();
        let found = self.0.catalog.jobs(job.number(), 1, is_same)?.pop();
        let found = found.map(|found| self.now(&snapshot, found));
        found.map(|found| before(found, key)).transpose()
    }

    async fn carry_out<W, F>(self, job: Job, work: W)
    where
        W: FnOnce(Job) -> F + Send + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let at_work = self.0.metrics.jobs_running.of(job.kind()).enter();
        // A task of its own, so that a panic ends the job and nothing else.
        let working = tokio::spawn(work(job.clone())).await;
        let (state, error) = match working {
            Ok(Ok(())) => (JobState::Done, None),
            Ok(Err(JobError::Halted)) if job.is_cancelled() => (JobState::Cancelled, None),
            Ok(Err(JobError::Halted)) => (JobState::Interrupted, None),
            Ok(Err(JobError::Failed(error))) => (JobState::Failed, Some(described(&*error))),
            Err(error) => (JobState::Failed, Some(error.to_string())),
        };
        job.end(state, self.0.catalog.clock().now(), error);
        let record = job.record();
        report(&record);
        self.0
            .metrics
            .jobs
            .of((job.kind(), word(state)))
            .increment();
        if let Err(error) = self.write(record).await {
            tracing::warn!(job = job.number(), %error, "cannot write how the job ended");
        }
        self.running().remove(&job.number());
        drop(at_work);
    }

    /// Taken before the catalog is read: whoever ends a job writes that first.
    fn snapshot(&self) -> Snapshot {
        let running = self.running();
        Snapshot {
            next: self.0.next.load(Ordering::Relaxed),
            running: running.clone(),
        }
    }

    /// A job as it is now: what was written is older where it is at work, and nobody works on one that is
    /// not among those at work.
    fn now(&self, snapshot: &Snapshot, written: JobRecord) -> JobRecord {
        if written.ended_at.is_some() || written.number >= snapshot.next {
            return written;
        }
        let running = snapshot.running.get(&written.number);
        running.map_or_else(|| self.interrupted(written), Job::record)
    }

    fn interrupted(&self, job: JobRecord) -> JobRecord {
        JobRecord {
            state: JobState::Interrupted,
            ended_at: Some(self.0.catalog.clock().now()),
            ..job
        }
    }

    async fn write(&self, record: JobRecord) -> Result<(), CatalogError> {
        let put = Change::PutJob(Box::new(record));
        self.0.catalog.write(put).await.map(drop)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Job>> {
        // Each use is one operation of the map.
        let running = self.0.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a job out again that was not started after all.
struct Admitted<'j> {
    jobs: &'j Jobs,
    job: Option<Job>,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            self.jobs.running().remove(&job.number());
        }
    }
}
