//! The writer: the one thread that writes. It takes everything that waits, applies it in one
//! transaction, commits once, and then answers all of it (group commit).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    CatalogError, Change, Written, ballast, environment::Environment, hits::Hits,
    transaction::Transaction,
};
use crate::clock::Clock;

/// Most changes in one transaction: beyond this a commit's cost is shared well enough.
const GROUP: usize = 1024;
/// How often buffered hits are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// How often reader slots of killed processes are freed, and ballast that was used is replaced.
const UPKEEP_EVERY: Duration = Duration::from_mins(1);

type Answer<T> = oneshot::Sender<Result<T, CatalogError>>;

/// What the writer is sent.
pub(super) enum Request {
    Change(Box<Change>, Answer<Written>),
    /// Write buffered hits now.
    Flush(Answer<()>),
    /// Finish what waits, write hits, stop.
    Close(Answer<()>),
}

/// The state of the writer thread.
pub(super) struct Writer {
    pub(super) environment: Arc<Environment>,
    pub(super) hits: Arc<Hits>,
    pub(super) clock: Clock,
    /// Transactions committed, for metrics and tests.
    pub(super) commits: Arc<AtomicU64>,
    /// What all blobs take on disk, in bytes.
    pub(super) allocated: Arc<AtomicU64>,
}

/// Changes on their way, each with who waits for it.
type Group = Vec<(Box<Change>, Answer<Written>)>;

impl Writer {
    /// Gives every blob its place in the queues of eviction if an older version stored them, and
    /// reads what they take.
    pub(super) fn prepare(&self) -> Result<(), CatalogError> {
        let mut transaction = Transaction::begin(&self.environment, self.clock.now())?;
        transaction.enqueue_older()?;
        transaction.order_older()?;
        let allocated = transaction.commit()?;
        self.allocated.store(allocated, Ordering::Release);
        match self.note_opening() {
            // A catalog that is already full is opened all the same.
            Err(error) if !error.is_full() => Err(error),
            _ => Ok(()),
        }
    }

    /// Runs until it is closed or every sender is gone.
    pub(super) async fn run(self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(GROUP);
        let mut closing = Vec::new();
        let mut flush = Every::new(FLUSH_EVERY, self.clock.now());
        let mut upkeep = Every::new(UPKEEP_EVERY, self.clock.now());
        while self.wait(&mut requests, &mut waiting, &mut flush).await {
            if self.serve(waiting.drain(..), &mut closing) {
                requests.close();
            }
            let now = self.clock.now();
            if flush.is_due(now)
                && let Err(error) = self.flush()
            {
                tracing::warn!(%error, "hits could not be written and are kept");
            }
            if upkeep.is_due(now) {
                // A full reader table shows as an error of reads; freeing slots is only a courtesy.
                let _ = self.environment.lmdb.clear_stale_readers();
                // Without room for it now, it is tried again in a minute.
                let _ = ballast::take(&self.environment);
            }
        }
        let mut last = Some(self.flush());
        if let Err(error) = self.note_closing() {
            tracing::warn!(%error, "cannot note that the catalog is closed");
        }
        for answer in closing {
            let _ = answer.send(last.take().unwrap_or(Ok(())));
        }
    }

    /// Waits for requests or until hits are to be flushed; false when no request can come any more.
    async fn wait(
        &self,
        requests: &mut mpsc::Receiver<Request>,
        waiting: &mut Vec<Request>,
        flush: &mut Every,
    ) -> bool {
        tokio::select! {
            count = requests.recv_many(waiting, GROUP) => count > 0,
            () = self.hits.crowded.notified() => { flush.hurry(); true }
            () = tokio::time::sleep(FLUSH_EVERY) => true,
        }
    }

    /// Serves requests in order; whether one of them was to close.
    fn serve(
        &self,
        requests: impl Iterator<Item = Request>,
        closing: &mut Vec<Answer<()>>,
    ) -> bool {
        let mut group = Group::new();
        for request in requests {
            match request {
                Request::Change(change, answer) => group.push((change, answer)),
                Request::Close(answer) => closing.push(answer),
                Request::Flush(answer) => {
                    self.commit(std::mem::take(&mut group));
                    let _ = answer.send(self.flush());
                }
            }
        }
        self.commit(group);
        !closing.is_empty()
    }

    /// Commits a group and answers it. When it fails it is halved until the change at fault stands
    /// alone: one bad record or one too large change must not fail its neighbours.
    fn commit(&self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        match self.try_commit(&group) {
            Ok(written) => {
                for ((_, answer), written) in group.into_iter().zip(written) {
                    let _ = answer.send(Ok(written));
                }
            }
            Err(error) if group.len() == 1 => {
                if let Some((change, answer)) = group.pop() {
                    let _ = answer.send(self.commit_with_ballast(&change, error));
                }
            }
            Err(_) => {
                let second = group.split_off(group.len() / 2);
                self.commit(group);
                self.commit(second);
            }
        }
    }

    /// A second try for a change that found no room although it would make some.
    fn commit_with_ballast(
        &self,
        change: &Change,
        error: CatalogError,
    ) -> Result<Written, CatalogError> {
        if !error.is_full() || !change.is_vital() || !ballast::release(&self.environment)? {
            return Err(error);
        }
        tracing::warn!(%error, "the catalog is full; its reserve is used to remove");
        let mut written = self.apply([change])?;
        Ok(written.pop().unwrap_or_default())
    }

    fn try_commit(&self, group: &Group) -> Result<Vec<Written>, CatalogError> {
        self.apply(group.iter().map(|(change, _)| &**change))
    }

    fn apply<'c>(
        &self,
        changes: impl IntoIterator<Item = &'c Change>,
    ) -> Result<Vec<Written>, CatalogError> {
        let mut transaction = Transaction::begin(&self.environment, self.clock.now())?;
        let written = changes.into_iter().map(|change| transaction.apply(change));
        let written = written.collect::<Result<_, _>>()?;
        let allocated = transaction.commit()?;
        self.allocated.store(allocated, Ordering::Release);
        // Whoever sees the number sees what was committed.
        self.commits.fetch_add(1, Ordering::Release);
        Ok(written)
    }

    fn note_opening(&self) -> Result<(), CatalogError> {
        let mut transaction = Transaction::begin(&self.environment, self.clock.now())?;
        transaction.note_opening()?;
        transaction.commit().map(drop)
    }

    fn note_closing(&self) -> Result<(), CatalogError> {
        let mut transaction = Transaction::begin(&self.environment, self.clock.now())?;
        transaction.note_closing()?;
        transaction.commit().map(drop)
    }

    /// Writes buffered hits, or keeps them for the next time.
    fn flush(&self) -> Result<(), CatalogError> {
        let hits = self.hits.take();
        if hits.is_empty() {
            return Ok(());
        }
        let written = Transaction::begin(&self.environment, self.clock.now()).and_then(|mut to| {
            to.add_hits(&hits)?;
            to.commit().map(drop)
        });
        if written.is_err() {
            self.hits.put_back(hits);
        }
        written
    }
}

/// A rhythm by the wall clock that a step of the clock cannot stop.
struct Every {
    period: Duration,
    last: SystemTime,
    hurried: bool,
}

impl Every {
    const fn new(period: Duration, now: SystemTime) -> Self {
        Self {
            period,
            last: now,
            hurried: false,
        }
    }

    /// Makes it due at once.
    const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether the period is over; begins the next one then. A clock that went back ends it too.
    fn is_due(&mut self, now: SystemTime) -> bool {
        let waited = now.duration_since(self.last);
        let due = self.hurried || waited.map_or(true, |waited| waited >= self.period);
        if due {
            self.last = now;
            self.hurried = false;
        }
        due
    }
}
