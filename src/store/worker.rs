//! The blocking half of a fill: one worker writes, hashes and checks what one origin sends, in order.

use std::{io, sync::Arc};

use artifact_cache_layers::{body::BoxError, digest::Sha256};
use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_blocking},
};

use super::hashing::Hashing;
use crate::{
    artifact::check::{Check, Checker, Damaged},
    blob::{Partial, follow::Growing},
};

/// Batches that wait for the worker at most; with batches of a few hundred KiB this bounds the memory of
/// a transfer to a few MiB.
const QUEUE: usize = 8;
/// Bytes after which write-back is started, so that the final fsync is short.
const WRITE_BACK: u64 = 8 << 20;
/// Bytes hashed at once when a kept part is read again.
const REHASH: usize = 1 << 20;

enum Job {
    Write(Bytes),
    /// Starts again from the first byte, if no reader was given one.
    Restart(oneshot::Sender<bool>),
    /// From here on nothing is written: the store takes no more.
    Spill,
    /// That was all: somebody takes what was made of it.
    Finish,
}

/// Hands batches to the blocking half.
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    done: JoinHandle<Result<Outcome, io::Error>>,
}

/// What the blocking half has made of the bytes.
pub(super) struct Outcome {
    pub(super) partial: Partial,
    /// The digest, if the bytes are what their origin says of them.
    pub(super) digest: Result<Sha256, Damaged>,
    pub(super) length: u64,
    /// Whether every byte is in the file.
    pub(super) is_written: bool,
}

/// The worker has gone: nobody reads the bytes, and they cannot be stored.
#[derive(Debug, thiserror::Error)]
#[error("the bytes can neither be stored nor does anyone wait for them")]
struct Unwanted;

impl Worker {
    /// Starts behind the first `kept` bytes of `partial`, which are hashed again.
    pub(super) fn start(partial: Partial, kept: u64, growing: Arc<Growing>, check: Check) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let done = spawn_blocking(move || {
            let mut blob = Blob {
                partial,
                growing,
                check,
                hashing: Hashing::new(check),
                length: 0,
                spilled: false,
            };
            blob.rehash(kept)?;
            if blob.run(queue) {
                blob.outcome()
            } else {
                Err(blob.abandon())
            }
        });
        Self { jobs, done }
    }

    pub(super) async fn write(&self, bytes: Bytes) -> Result<(), BoxError> {
        self.send(Job::Write(bytes)).await
    }

    /// Forgets what was written, in the order of the jobs; whether that was possible.
    pub(super) async fn restart(&self) -> bool {
        let (answer, restarted) = oneshot::channel();
        self.send(Job::Restart(answer)).await.is_ok() && restarted.await.unwrap_or(false)
    }

    pub(super) async fn spill(&self) -> Result<(), BoxError> {
        self.send(Job::Spill).await
    }

    async fn send(&self, job: Job) -> Result<(), BoxError> {
        self.jobs.send(job).await.map_err(|_| Unwanted.into())
    }

    /// Waits until everything handed over is written and hashed.
    pub(super) async fn finish(self) -> Result<Outcome, BoxError> {
        // The worker is there until it is told to finish, unless it gave up; then that is its answer.
        drop(self.send(Job::Finish).await);
        Ok(self.done.await??)
    }
}

/// One blob on its way to disk.
struct Blob {
    partial: Partial,
    growing: Arc<Growing>,
    check: Check,
    hashing: Hashing,
    length: u64,
    spilled: bool,
}

impl Blob {
    fn rehash(&mut self, kept: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let (mut checker, mut buffer) = (Checker::new(self.check), vec![0; REHASH]);
        while self.length < kept {
            let rest = usize::try_from(kept - self.length).unwrap_or(REHASH);
            let piece = &mut buffer[..rest.min(REHASH)];
            self.partial.file().read_exact_at(piece, self.length)?;
            checker.update(piece);
            self.length += piece.len() as u64;
        }
        self.hashing = Hashing::behind(checker, self.length);
        self.growing.publish(self.length);
        Ok(())
    }

    /// Works until it is told to finish; `false` when the fill is gone, as at a shutdown that could not
    /// wait for it.
    fn run(&mut self, mut queue: mpsc::Receiver<Job>) -> bool {
        while let Some(job) = queue.blocking_recv() {
            match job {
                Job::Write(bytes) if self.take(&bytes) => {}
                Job::Write(_) | Job::Finish => return true,
                Job::Spill => self.spilled = true,
                // Who asked is gone only when the fill is.
                Job::Restart(answer) => drop(answer.send(self.restart())),
            }
        }
        false
    }

    /// Leaves what is there to be continued after the next start.
    fn abandon(self) -> io::Error {
        if !self.spilled {
            self.partial.keep();
        }
        io::ErrorKind::Interrupted.into()
    }

    fn restart(&mut self) -> bool {
        // What is written from now on may be shorter.
        let is_restarted = !self.spilled && self.growing.restart() && self.partial.clear().is_ok();
        if is_restarted {
            self.hashing = Hashing::new(self.check);
            self.length = 0;
        }
        is_restarted
    }

    /// Writes, lets readers go on, then hashes: readers never wait for the hash, only the end does.
    /// `false` when the bytes can be stored nowhere and nobody reads them.
    fn take(&mut self, bytes: &Bytes) -> bool {
        if !self.spilled
            && let Err(error) = self.partial.write_all_at(bytes, self.length)
        {
            tracing::warn!(error = %error, "cannot write to the store, streaming uncached");
            self.spilled = true;
        }
        if self.spilled {
            self.hashing.update(bytes);
            self.length += bytes.len() as u64;
            return self.growing.spill(bytes.clone());
        }
        let before = self.length;
        self.length += bytes.len() as u64;
        self.growing.publish(self.length);
        self.hashing.update(bytes);
        if before / WRITE_BACK != self.length / WRITE_BACK {
            self.partial.start_writeback(before, self.length - before);
        }
        true
    }

    fn outcome(self) -> io::Result<Outcome> {
        Ok(Outcome {
            digest: self.hashing.finish()?,
            partial: self.partial,
            length: self.length,
            is_written: !self.spilled,
        })
    }
}
