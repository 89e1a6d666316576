//! [`Growing`]: a blob while its bytes arrive, and `Follow`: a body that reads it meanwhile. One
//! writer publishes how far it has come; any number of readers are woken and read the same file. It
//! owns no policy: who writes, and what becomes of the file, is the fill's business.

mod follower;

use std::{
    fs::File,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use artifact_cache_layers::{
    body::Body,
    digest::Sha256,
    share::{SharedError, Verdict, Wanted},
};
use bytes::Bytes;
use tokio::sync::watch;

use self::follower::Follow;
use super::readers::Readers;

/// A blob while its bytes arrive.
pub struct Growing {
    file: Option<Arc<File>>,
    expected: Option<u64>,
    /// Bytes that readers may take from the file. Stored with `Release` after the write, loaded with
    /// `Acquire` before the read, although the kernel orders the two anyway.
    written: AtomicU64,
    verdict: watch::Sender<Option<Verdict>>,
    /// Whether bytes were given to readers that are not in the file.
    spilled: watch::Sender<bool>,
    readers: Readers,
    /// What is to go with the last reader.
    kept: Mutex<Option<Box<dyn Send>>>,
}

impl Growing {
    /// A blob of `expected` bytes, if that is known. Without a `file` its bytes are kept in memory and
    /// are there all at once.
    #[must_use]
    pub fn new(file: Option<Arc<File>>, expected: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            file,
            expected,
            written: AtomicU64::new(0),
            verdict: watch::Sender::new(None),
            spilled: watch::Sender::new(false),
            readers: Readers::default(),
            kept: Mutex::default(),
        })
    }

    /// Lets readers go on to `written` bytes, which are in the file.
    pub fn publish(&self, written: u64) {
        self.written.store(written, Ordering::Release);
        self.readers.wake();
    }

    /// Bytes that readers may take from the file.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Length of the whole, as soon as it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &*self.verdict.borrow() {
            Some(Verdict::Complete { length, .. }) => Some(*length),
            _ => self.expected,
        }
    }

    /// Forgets the bytes written so far; `false` when a reader was given one already.
    #[must_use]
    pub fn restart(&self) -> bool {
        self.readers
            .is_untouched(|| self.written.store(0, Ordering::Release))
    }

    /// Gives readers `bytes` that could not be written, from memory. Waits while readers lag behind;
    /// `false` when none is left. Blocks: not for async threads.
    #[must_use]
    pub fn spill(&self, bytes: Bytes) -> bool {
        self.spilled.send_replace(true);
        self.readers.spill(self.written(), bytes)
    }

    /// Keeps something as long as anybody may read the file: its blocks are taken until then.
    pub fn keep(&self, thing: impl Send + 'static) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Box::new(thing));
    }

    /// Whether some bytes are only in memory, so that nobody can start to read any more.
    #[must_use]
    pub fn is_spilled(&self) -> bool {
        self.readers.is_spilled()
    }

    /// Everything is there, in the file or, for a small blob, in `bytes`.
    pub fn complete(&self, digest: Sha256, length: u64, bytes: Option<Bytes>) {
        if let Some(bytes) = bytes {
            self.readers.keep(bytes);
        }
        self.settle(Verdict::Complete { digest, length });
    }

    /// The rest cannot be had.
    pub fn fail(&self, error: SharedError) {
        self.settle(Verdict::Failed(error));
    }

    fn settle(&self, verdict: Verdict) {
        self.verdict.send_if_modified(|settled| {
            let is_first = settled.is_none();
            settled.get_or_insert(verdict);
            is_first
        });
        self.readers.end();
    }

    /// The verdict, once it is known.
    #[must_use]
    pub fn settled(&self) -> Option<Verdict> {
        self.verdict.borrow().clone()
    }

    /// Waits for the verdict.
    pub fn verdict(&self) -> impl Future<Output = Verdict> + Send + use<> {
        let mut verdict = self.verdict.subscribe();
        async move {
            let settled = verdict
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|settled| settled.clone());
            settled.unwrap_or_else(|| Verdict::Failed(SharedError::new(Abandoned.into())))
        }
    }

    /// Waits for the verdict as long as that holds nobody up; `None` once the bytes are only in memory,
    /// of which there is little: then they must be read.
    pub fn hold(&self) -> impl Future<Output = Option<Verdict>> + Send + use<> {
        let (verdict, mut spilled) = (self.verdict(), self.spilled.subscribe());
        async move {
            tokio::select! {
                biased;
                verdict = verdict => Some(verdict),
                Ok(_) = spilled.wait_for(|spilled| *spilled) => None,
            }
        }
    }

    /// A body of the bytes wanted.
    #[must_use]
    pub fn follow(self: &Arc<Self>, wanted: Wanted) -> Body {
        Body::file(Box::new(Follow::new(self.clone(), wanted)))
    }
}

/// The writer vanished without a verdict.
#[derive(Debug, thiserror::Error)]
#[error("the transfer was abandoned")]
pub struct Abandoned;

#[cfg(test)]
mod tests;
