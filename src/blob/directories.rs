//! The fan-out directories `aa/bb`, and their fsync shared by everybody who waits for one (group
//! commit): a name must survive a power cut before the catalog points at it.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use artifact_cache_layers::digest::Sha256;

pub(super) struct Directories {
    root: PathBuf,
    /// Directories whose own names are durable, so that only they need an fsync.
    settled: Mutex<HashSet<[u8; 2]>>,
    waiting: Mutex<Vec<Arc<Waiter>>>,
    /// Held by whoever syncs for all that wait.
    turn: Mutex<()>,
    syncs: AtomicU64,
}

/// Somebody who waits until a directory is durable. The number is the system's error.
struct Waiter {
    directory: PathBuf,
    done: OnceLock<Result<(), i32>>,
}

impl Directories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            settled: Mutex::default(),
            waiting: Mutex::default(),
            turn: Mutex::default(),
            syncs: AtomicU64::new(0),
        }
    }

    pub(super) fn path(&self, digest: &Sha256) -> PathBuf {
        let name = digest.to_string();
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + 72);
        path.push(&self.root);
        path.extend([&name[..2], &name[2..4], &name]);
        path
    }

    /// Returns when the name of a blob is durable.
    pub(super) fn sync(&self, digest: &Sha256) -> io::Result<()> {
        let path = self.path(digest);
        let prefix = [digest.as_bytes()[0], digest.as_bytes()[1]];
        let settled = lock(&self.settled).contains(&prefix);
        // A new directory is durable when its parent is, up to the root. Who made it does not matter:
        // another thread may have and not be done with this.
        let levels = if settled { 1 } else { 3 };
        let waiters: Vec<_> = path
            .ancestors()
            .skip(1)
            .take(levels)
            .map(Waiter::new)
            .collect();
        lock(&self.waiting).extend(waiters.iter().cloned());
        for waiter in &waiters {
            self.wait(waiter)?;
        }
        if !settled {
            lock(&self.settled).insert(prefix);
        }
        Ok(())
    }

    /// Waits for the turn; by then somebody else may have done it, otherwise does it for all.
    fn wait(&self, waiter: &Waiter) -> io::Result<()> {
        let _turn = lock(&self.turn);
        if waiter.done.get().is_none() {
            self.serve();
        }
        let done = waiter.done.get().copied().unwrap_or(Err(0));
        done.map_err(io::Error::from_raw_os_error)
    }

    fn serve(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut synced = HashMap::new();
        for waiter in waiting {
            let result = *synced
                .entry(waiter.directory.clone())
                .or_insert_with(|| self.sync_directory(&waiter.directory));
            // Set once: every waiter is in the list once.
            let _ = waiter.done.set(result);
        }
    }

    fn sync_directory(&self, directory: &Path) -> Result<(), i32> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| error.raw_os_error().unwrap_or(0))
    }
}

/// Makes the directory of a blob.
pub(super) fn create(blob: &Path) -> io::Result<()> {
    blob.parent().map_or(Ok(()), std::fs::create_dir_all)
}

impl Waiter {
    fn new(directory: &Path) -> Arc<Self> {
        Arc::new(Self {
            directory: directory.to_owned(),
            done: OnceLock::new(),
        })
    }
}

/// Nothing that these locks guard can be left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_share_one_fsync() {
        let root = tempfile::tempdir().expect("directory");
        let directories = Directories::new(root.path().to_owned());
        let digest = Sha256::of(b"shared");
        create(&directories.path(&digest)).expect("created");
        directories.sync(&digest).expect("settled");
        let before = directories.syncs.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let turn = lock(&directories.turn);
            for _ in 0..8 {
                scope.spawn(|| directories.sync(&digest).expect("synced"));
            }
            while lock(&directories.waiting).len() < 8 {
                std::thread::yield_now();
            }
            drop(turn);
        });
        assert_eq!(directories.syncs.load(Ordering::Relaxed) - before, 1);
    }

    #[test]
    fn a_new_directory_is_synced_up_to_the_root_once() {
        let root = tempfile::tempdir().expect("directory");
        let directories = Directories::new(root.path().to_owned());
        let digest = Sha256::of(b"new");
        create(&directories.path(&digest)).expect("created");
        directories.sync(&digest).expect("synced");
        assert_eq!(directories.syncs.load(Ordering::Relaxed), 3);
        directories.sync(&digest).expect("synced");
        assert_eq!(directories.syncs.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_an_error_for_its_waiter() {
        let root = tempfile::tempdir().expect("directory");
        let directories = Directories::new(root.path().to_owned());
        let error = directories.sync(&Sha256::of(b"never made"));
        assert_eq!(
            error.map_err(|error| error.kind()),
            Err(io::ErrorKind::NotFound)
        );
    }
}
