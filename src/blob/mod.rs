//! The blob store: files named by their digest, `<root>/aa/bb/<64 hex digits>`, which never change
//! once they have their name. It knows nothing of URLs; which blobs are wanted is the catalog's
//! knowledge, and `store::commit` keeps the two in step.

pub mod backup;
mod directories;
pub mod follow;
pub mod leftovers;
pub mod memory;
pub mod partial;
pub mod pointers;
mod quarantine;
pub mod read;
mod readers;
mod reading;
pub mod recovery;
pub mod resume;
pub mod take;
pub mod upload;
mod usage;
pub mod view;
pub mod walk;

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use artifact_cache_layers::digest::Sha256;
use bytes::Bytes;

use self::{directories::Directories, memory::Memory};
pub use self::{
    partial::{Partial, Persisted},
    read::body,
    recovery::Recovery,
    resume::PartialIdentity,
};

/// How much the blob store keeps at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobOptions {
    /// Most descriptors of blobs kept open between requests.
    pub descriptors: usize,
    /// Most bytes of small hot blobs kept in memory; 0 keeps none.
    pub memory_bytes: u64,
    /// Blobs of at least so many bytes leave the page cache once they are stored; `None` leaves all to the kernel.
    pub drop_behind: Option<u64>,
}

impl Default for BlobOptions {
    fn default() -> Self {
        Self {
            descriptors: 1024,
            memory_bytes: 64 << 20,
            drop_behind: None,
        }
    }
}

/// A handle on the blob store; clones share it.
#[derive(Clone)]
pub struct BlobStore(Arc<Shared>);

struct Shared {
    root: PathBuf,
    temporary: PathBuf,
    directories: Directories,
    open: quick_cache::sync::Cache<Sha256, Arc<Blob>>,
    memory: Memory,
    journal: Mutex<()>,
    drop_behind: Option<u64>,
    /// The unit that files grow in on disk, in bytes.
    block_bytes: u64,
}

/// An open blob. Its bytes stay readable as long as it is open, removed or not.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The open file.
    pub file: Arc<File>,
    /// Length in bytes.
    pub len: u64,
}

/// A blob has another length than the catalog says: it is corrupt. The source of the `io::Error` of
/// kind `InvalidData` that [`BlobStore::open_blob`] fails with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("blob {digest} has {found} bytes instead of {expected}")]
pub struct WrongLength {
    /// The blob.
    pub digest: Sha256,
    /// Length that the catalog has, in bytes.
    pub expected: u64,
    /// Length of the file, in bytes.
    pub found: u64,
}

impl Blob {
    /// Whether the file still has its name and its length.
    fn is_as_opened(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.nlink() > 0 && metadata.len() == self.len)
    }
}

impl BlobStore {
    /// Opens the store below `root` and creates both directories where they are missing. `temporary`
    /// must be on the same file system, because finished files are linked, not copied.
    ///
    /// # Errors
    /// `CrossesDevices` when they are on two file systems, and what the system says otherwise.
    pub fn open(root: &Path, temporary: &Path, options: BlobOptions) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        std::fs::create_dir_all(temporary)?;
        if root.metadata()?.dev() != temporary.metadata()?.dev() {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let status = rustix::fs::statvfs(temporary)?;
        Ok(Self(Arc::new(Shared {
            block_bytes: status.f_frsize.max(4096),
            root: root.to_owned(),
            temporary: temporary.to_owned(),
            directories: Directories::new(root.to_owned()),
            open: quick_cache::sync::Cache::new(options.descriptors.max(1)),
            memory: Memory::new(options.memory_bytes),
            journal: Mutex::new(()),
            drop_behind: options.drop_behind,
        })))
    }

    /// Where the blobs are.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Where unfinished files are.
    pub fn temporary(&self) -> &Path {
        &self.0.temporary
    }

    /// The path of a blob, whether it exists or not.
    pub fn path(&self, digest: &Sha256) -> PathBuf {
        self.0.directories.path(digest)
    }

    /// Opens a blob, `None` when there is no such file. Cheap when it was opened lately (one `fstat`, so
    /// that a file that somebody else removed or cut is noticed); otherwise one `open` and two `fstat`,
    /// which do not wait for a disk unless directories are cold.
    ///
    /// # Errors
    /// `InvalidData` with [`WrongLength`] when the file is corrupt.
    pub fn open_blob(&self, digest: &Sha256, expected_len: u64) -> io::Result<Option<Arc<Blob>>> {
        let kept = self.0.open.get(digest).filter(|blob| blob.is_as_opened());
        let blob = match kept {
            Some(blob) => Some(blob),
            None => self.open_file(digest)?,
        };
        let Some(blob) = blob else {
            return Ok(None);
        };
        if blob.len != expected_len {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                WrongLength {
                    digest: *digest,
                    expected: expected_len,
                    found: blob.len,
                },
            ));
        }
        self.0.memory.offer(digest, &blob);
        Ok(Some(blob))
    }

    fn open_file(&self, digest: &Sha256) -> io::Result<Option<Arc<Blob>>> {
        let file = match File::open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let blob = Arc::new(Blob {
            len: file.metadata()?.len(),
            file: Arc::new(file),
        });
        self.0.open.insert(*digest, Arc::clone(&blob));
        // Removal unlinks first and forgets the descriptor then. A file that lost its name before this
        // look may have been forgotten before it was inserted: forget it here. One that loses it
        // later is forgotten by the removal.
        if blob.file.metadata()?.nlink() == 0 {
            self.0.open.remove(digest);
        }
        Ok(Some(blob))
    }

    /// Whether a blob was opened lately.
    pub fn is_at_hand(&self, digest: &Sha256) -> bool {
        self.0.open.get(digest).is_some()
    }

    /// The bytes of a small hot blob, when they are in memory and its file is there. Blobs of at most
    /// 64 KiB get there by the second [`BlobStore::open_blob`].
    pub fn small(&self, digest: &Sha256) -> Option<Bytes> {
        let bytes = self.0.memory.get(digest)?;
        // A look through the descriptor costs less than one through the path.
        let is_there = match self.0.open.get(digest) {
            Some(blob) => blob.is_as_opened(),
            None => std::fs::metadata(self.path(digest))
                .is_ok_and(|file| file.len() == bytes.len() as u64),
        };
        if !is_there {
            self.forget(digest);
        }
        is_there.then_some(bytes)
    }

    /// Unlinks a blob and forgets it here; whether there was one. Open bodies go on. Only
    /// `store::commit` may call it, under its hold of the digest.
    pub(crate) fn remove(&self, digest: &Sha256) -> io::Result<bool> {
        let removed = match std::fs::remove_file(self.path(digest)) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        self.forget(digest);
        Ok(removed)
    }

    /// Drops what is kept at hand of a blob.
    fn forget(&self, digest: &Sha256) {
        self.0.open.remove(digest);
        self.0.memory.remove(digest);
    }

    /// Whether files can be made and named, as far as the system tells without making one.
    pub fn is_writable(&self) -> bool {
        use rustix::fs::{Access, access};
        let may = Access::WRITE_OK | Access::EXEC_OK;
        let directories = [&self.0.root, &self.0.temporary];
        directories
            .iter()
            .all(|path| access(path.as_path(), may).is_ok())
    }

    /// Bytes that an unprivileged process may still write on the store's file system.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let status = rustix::fs::statvfs(&self.0.temporary)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A store in a directory that lives as long as the first value.
    pub(crate) fn temporary_store() -> (tempfile::TempDir, BlobStore) {
        let directory = tempfile::tempdir().expect("directory");
        let (root, temporary) = (directory.path().join("cache"), directory.path().join("tmp"));
        let store = BlobStore::open(&root, &temporary, BlobOptions::default()).expect("store");
        (directory, store)
    }

    /// Stores `bytes`.
    pub(crate) fn put(store: &BlobStore, bytes: &[u8]) -> Sha256 {
        let partial = Partial::create(store, Some(bytes.len() as u64)).expect("partial");
        partial.write_all_at(bytes, 0).expect("write");
        let digest = Sha256::of(bytes);
        partial.persist(&digest).expect("persist");
        digest
    }

    #[test]
    fn a_blob_of_another_length_is_corrupt_and_says_so() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"five!");
        let error = store.open_blob(&digest, 6).expect_err("corrupt");
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let expected = WrongLength {
            digest,
            expected: 6,
            found: 5,
        };
        assert_eq!(cause, Some(&expected));
        assert!(store.open_blob(&digest, 5).expect("sound").is_some());
    }

    #[test]
    fn a_removed_blob_is_gone_from_every_cache_but_open_ones_can_be_read() {
        use std::os::unix::fs::FileExt as _;
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"here");
        let blob = store.open_blob(&digest, 4).expect("open").expect("there");
        store.open_blob(&digest, 4).expect("second, remembered");
        assert!(store.small(&digest).is_some());
        assert!(store.remove(&digest).expect("removed"));
        assert!(store.small(&digest).is_none());
        assert!(store.open_blob(&digest, 4).expect("open").is_none());
        let mut bytes = [0; 4];
        blob.file.read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!(&bytes, b"here");
        assert!(!store.remove(&digest).expect("nothing there"));
    }

    #[test]
    fn a_blob_that_somebody_else_removed_or_cut_is_noticed() {
        let (_directory, store) = temporary_store();
        let (removed, cut) = (put(&store, b"removed"), put(&store, b"cut short"));
        for (digest, length) in [(removed, 7), (cut, 9)] {
            assert!(store.open_blob(&digest, length).expect("open").is_some());
        }
        std::fs::remove_file(store.path(&removed)).expect("removed");
        assert!(store.open_blob(&removed, 7).expect("open").is_none());
        std::fs::remove_file(store.path(&cut)).expect("replaced");
        std::fs::write(store.path(&cut), b"cut").expect("replaced");
        assert!(store.open_blob(&cut, 9).is_err());
    }

    #[test]
    fn two_file_systems_are_refused() {
        let one = tempfile::tempdir().expect("directory");
        let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
            return; // no second file system to test with
        };
        let dev = |path: &Path| path.metadata().expect("metadata").dev();
        if dev(one.path()) == dev(other.path()) {
            return;
        }
        let opened = BlobStore::open(one.path(), other.path(), BlobOptions::default());
        let kind = opened.err().map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::CrossesDevices));
    }

    #[test]
    fn free_space_is_what_the_file_system_says() {
        let (_directory, store) = temporary_store();
        assert!(store.free_bytes().expect("free") > 0);
    }
}
