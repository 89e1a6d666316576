//! Jobs: what was done in the background, or is being done: the last thousand. And marks: how far
//! something has come that goes on after a restart.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Catalog, Result, Written, codec, transaction::Transaction};

/// Jobs that are remembered.
pub const MAX_JOBS: u64 = 1000;
/// Of these, looked at in one write for one that may be forgotten.
const LOOKED_AT: usize = 64;

/// How far a job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// It is at work.
    #[default]
    Running,
    /// It came to its end. Single subjects may have failed.
    Done,
    /// It could not go on.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The cache stopped meanwhile.
    Interrupted,
}

/// Something that a job could not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// A URL, a digest.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// Who asked for a job, so that asking twice is asking once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobKey {
    /// The key of the client.
    pub key: String,
    /// SHA-256 of what was asked.
    pub asked: [u8; 32],
}

/// What is kept of a job. The order of the fields is the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its number; greater is later.
    pub number: u64,
    /// What it does.
    pub kind: String,
    /// What it is about, in words.
    pub about: String,
    /// How far it has come.
    pub state: JobState,
    /// When it was begun.
    pub created_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    /// What it is doing.
    pub step: String,
    /// What it is at.
    pub position: String,
    /// How much is done.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: String,
    /// Subjects that failed.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<JobFailure>,
    /// Why it failed as a whole.
    pub error: Option<String>,
    /// What it has to say at its end, a JSON document.
    pub report: String,
    /// Who asked for it.
    pub key: Option<JobKey>,
}

impl JobState {
    /// The state in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Catalog {
    /// At most `limit` jobs before the number `before` that `wanted` takes, the latest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn jobs(
        &self,
        before: u64,
        limit: usize,
        mut wanted: impl FnMut(&JobRecord) -> bool,
    ) -> Result<Vec<JobRecord>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let txn = self.environment().read()?;
        let table = self.environment().tables.jobs;
        let end = before.to_be_bytes();
        let range = (Unbounded, Excluded(&end[..]));
        let mut found = Vec::new();
        for row in table.lmdb.rev_range(&txn, &range)? {
            if found.len() >= limit {
                break;
            }
            let job = table.sound(codec::decode::<JobRecord>(row?.1))?;
            if wanted(&job) {
                found.push(job);
            }
        }
        Ok(found)
    }

    /// The job of that number.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job(&self, number: u64) -> Result<Option<JobRecord>> {
        let txn = self.environment().read()?;
        let table = self.environment().tables.jobs;
        table.record(&txn, &number.to_be_bytes(), codec::decode)
    }

    /// What was last written under this name with [`Change::Mark`](super::Change::Mark).
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn mark(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let txn = self.environment().read()?;
        let meta = self.environment().tables.meta;
        Ok(meta.get(&txn, &mark_key(name))?.map(<[u8]>::to_vec))
    }
}

/// There while the catalog is closed, if it was closed in order.
const CLEAN: &str = "clean";
/// When an unclean stop was noticed that nobody has looked into yet.
const UNCLEAN: &str = "unclean";

impl Catalog {
    /// When it was noticed that the catalog had not been closed in order, until that is forgotten.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn unclean_stop(&self) -> Result<Option<SystemTime>> {
        let mark = self.mark(UNCLEAN)?;
        let mark = mark.and_then(|mark| mark.try_into().ok());
        Ok(mark.map(|mark| codec::time(u64::from_be_bytes(mark))))
    }

    /// Everything that was stored before was looked at.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn forget_unclean_stop(&self) -> Result<()> {
        let (name, value) = (UNCLEAN.to_owned(), None);
        self.write(super::Change::Mark { name, value })
            .await
            .map(drop)
    }
}

impl Transaction<'_> {
    /// Notes whether the catalog was closed in order, and that it is open now.
    pub(super) fn note_opening(&mut self) -> Result<()> {
        let meta = self.tables.meta;
        let is_empty = self.counters.blobs == 0;
        if !meta.delete(&mut self.txn, &mark_key(CLEAN))? && !is_empty {
            let now = codec::nanoseconds(self.now).to_be_bytes();
            meta.put(&mut self.txn, &mark_key(UNCLEAN), &now)?;
        }
        Ok(())
    }

    /// Notes that the catalog is closed in order.
    pub(super) fn note_closing(&mut self) -> Result<()> {
        self.mark(CLEAN, Some(b"")).map(drop)
    }

    pub(super) fn put_job(&mut self, job: &JobRecord) -> Result<Written> {
        let table = self.tables.jobs;
        let key = job.number.to_be_bytes();
        let before = table.record(&self.txn, &key, codec::decode::<JobRecord>)?;
        // How far it had come may be written after its end was, which counts.
        if job.ended_at.is_none() && before.is_some_and(|before| before.ended_at.is_some()) {
            return Ok(Written::default());
        }
        table.put_record(&mut self.txn, &key, codec::encode(job))?;
        let surplus = table.lmdb.len(&self.txn)?.saturating_sub(MAX_JOBS);
        if surplus > 0 {
            self.forget_jobs(surplus)?;
        }
        Ok(Written::default())
    }

    fn forget_jobs(&mut self, surplus: u64) -> Result<()> {
        let table = self.tables.jobs;
        let oldest = table.rows(&self.txn, None, LOOKED_AT)?.into_iter();
        let is_over = |bytes: &[u8]| {
            // What cannot be read tells nobody anything.
            codec::decode::<JobRecord>(bytes).map_or(true, |job| job.ended_at.is_some())
        };
        let forgotten = oldest.filter(|(_, bytes)| is_over(bytes));
        for (key, _) in forgotten.take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
            table.delete(&mut self.txn, &key)?;
        }
        Ok(())
    }

    pub(super) fn mark(&mut self, name: &str, value: Option<&[u8]>) -> Result<Written> {
        let meta = self.tables.meta;
        match value {
            Some(value) => meta.put(&mut self.txn, &mark_key(name), value)?,
            None => drop(meta.delete(&mut self.txn, &mark_key(name))?),
        }
        Ok(Written::default())
    }
}

/// Marks stand among the numbers of the catalog, apart from them.
fn mark_key(name: &str) -> Vec<u8> {
    [b"mark:", name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{super::CatalogOptions, *};
    use crate::{catalog::Change, clock::Clock};

    fn job(number: u64, is_over: bool) -> JobRecord {
        JobRecord {
            number,
            kind: "verify".into(),
            about: String::new(),
            state: JobState::default(),
            created_at: SystemTime::UNIX_EPOCH,
            ended_at: is_over.then_some(SystemTime::UNIX_EPOCH),
            step: String::new(),
            position: String::new(),
            done: 0,
            total: None,
            unit: String::new(),
            failed: 0,
            failures: Vec::new(),
            error: None,
            report: String::new(),
            key: None,
        }
    }

    #[test]
    fn the_oldest_that_are_over_are_forgotten_first() {
        let directory = tempfile::tempdir().expect("directory");
        let options = CatalogOptions::default();
        let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("opened");
        let put = |job| Change::PutJob(Box::new(job));
        let jobs = (1..=MAX_JOBS + 3).map(|number| put(job(number, number != 2)));
        catalog.write_all_blocking(jobs).expect("written");
        let kept = catalog.jobs(u64::MAX, usize::MAX, |_| true).expect("read");
        assert_eq!(kept.len() as u64, MAX_JOBS);
        let last: Vec<u64> = kept.iter().rev().take(2).map(|job| job.number).collect();
        assert_eq!(last, [2, 5]);
    }

    #[test]
    fn the_end_of_a_job_is_not_taken_back() {
        let directory = tempfile::tempdir().expect("directory");
        let options = CatalogOptions::default();
        let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("opened");
        for is_over in [false, true, false] {
            let put = Change::PutJob(Box::new(job(1, is_over)));
            catalog.write_blocking(put).expect("written");
        }
        let kept = catalog.job(1).expect("read").expect("there");
        assert!(kept.ended_at.is_some());
    }

    #[test]
    fn a_mark_stays_until_it_is_forgotten() {
        let directory = tempfile::tempdir().expect("directory");
        let options = CatalogOptions::default();
        let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("opened");
        let mark = |value| Change::Mark {
            name: "x".into(),
            value,
        };
        catalog
            .write_blocking(mark(Some(b"far".to_vec())))
            .expect("written");
        assert_eq!(catalog.mark("x").expect("read"), Some(b"far".to_vec()));
        assert_eq!(catalog.mark("y").expect("read"), None);
        catalog.write_blocking(mark(None)).expect("written");
        assert_eq!(catalog.mark("x").expect("read"), None);
    }
}
