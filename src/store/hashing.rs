//! [`Hashing`]: SHA-256 of a fill and what else it is checked against, beside the writing where a core is
//! free for it.

use std::{
    io,
    sync::{
        LazyLock,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use artifact_cache_layers::digest::Sha256;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::artifact::check::{Check, Checker, Damaged};

/// Bytes hashed by the writer itself: what is smaller is done before a thread is there.
const ASIDE_FROM: u64 = 4 << 20;
/// Pieces that wait at most; with pieces of a few hundred KiB they are still in the processor's cache.
const QUEUE: usize = 4;

/// Cores that may hash while others write: all but one. On a single core a second thread gains nothing.
static SPARE_CORES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(cores - 1)
});

/// A digest on its way. A long one moves to a thread of its own as soon as a core is spare.
pub(super) enum Hashing {
    /// Hashed by who hands over the bytes.
    Here {
        /// What came so far.
        hasher: Checker,
        /// How much that was.
        length: u64,
    },
    /// Hashed by a thread that is handed the bytes.
    Aside {
        pieces: SyncSender<Bytes>,
        thread: JoinHandle<Checker>,
        _core: SemaphorePermit<'static>,
    },
}

impl Hashing {
    /// Of bytes that are checked against this.
    pub(super) fn new(check: Check) -> Self {
        Self::behind(Checker::new(check), 0)
    }

    /// Goes on behind `length` bytes that are in `hasher`.
    pub(super) fn behind(hasher: Checker, length: u64) -> Self {
        Self::Here { hasher, length }
    }

    /// Takes the next bytes. Blocks while the thread that hashes lags behind.
    pub(super) fn update(&mut self, bytes: &Bytes) {
        self.move_aside();
        match self {
            Self::Here { hasher, length } => {
                hasher.update(bytes);
                *length += bytes.len() as u64;
            }
            // A thread that is gone is noticed at the end.
            Self::Aside { pieces, .. } => drop(pieces.send(bytes.clone())),
        }
    }

    /// The digest of all bytes, if they are what they should be. Blocks until they are hashed.
    ///
    /// # Errors
    /// When the thread that hashed is gone.
    pub(super) fn finish(self) -> io::Result<Result<Sha256, Damaged>> {
        match self {
            Self::Here { hasher, .. } => Ok(hasher.finish()),
            Self::Aside { pieces, thread, .. } => {
                drop(pieces);
                let hasher = thread.join();
                hasher.map_or_else(|_| Err(io::ErrorKind::Other.into()), |all| Ok(all.finish()))
            }
        }
    }

    fn move_aside(&mut self) {
        let Self::Here { hasher, length } = self else {
            return;
        };
        if *length < ASIDE_FROM {
            return;
        }
        let Ok(core) = SPARE_CORES.try_acquire() else {
            return;
        };
        if let Ok(aside) = Self::aside(hasher.clone(), core) {
            *self = aside;
        }
    }

    fn aside(mut hasher: Checker, core: SemaphorePermit<'static>) -> io::Result<Self> {
        let (pieces, queue) = sync_channel::<Bytes>(QUEUE);
        let work = move || {
            for piece in queue {
                hasher.update(&piece);
            }
            hasher
        };
        let thread = thread::Builder::new().name("sha256".into()).spawn(work)?;
        Ok(Self::Aside {
            pieces,
            thread,
            _core: core,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(pieces: &[Bytes]) -> Sha256 {
        let mut hashing = Hashing::new(Check::Length);
        for piece in pieces {
            hashing.update(piece);
        }
        hashing.finish().expect("digest").expect("no check")
    }

    #[test]
    fn the_digest_is_the_same_wherever_it_is_made() {
        let whole: Vec<u8> = (0..=250).cycle().take(24 << 20).collect();
        for size in [1 << 20, 300_000, 24 << 20] {
            let pieces: Vec<_> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
            assert_eq!(digest_of(&pieces), Sha256::of(&whole), "{size}");
        }
    }

    #[test]
    fn a_thread_aside_goes_on_where_the_writer_stopped_and_gives_its_core_back() {
        let cores: &'static Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        let mut begun = Checker::new(Check::Length);
        begun.update(b"begun here, ");
        let core = cores.try_acquire().expect("a core");
        let mut aside = Hashing::aside(begun, core).expect("a thread");
        for piece in ["ended ", "aside"] {
            aside.update(&Bytes::from(piece));
        }
        assert_eq!(cores.available_permits(), 0);
        let expected = Sha256::of(b"begun here, ended aside");
        let digest = aside.finish().expect("digest").expect("no check");
        assert_eq!(digest, expected);
        assert_eq!(cores.available_permits(), 1);
    }

    #[test]
    fn more_digests_than_cores_are_all_right() {
        let piece = Bytes::from(vec![7; 1 << 20]);
        let expected = Sha256::of(&piece.repeat(8));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| assert_eq!(digest_of(&vec![piece.clone(); 8]), expected));
            }
        });
    }
}
