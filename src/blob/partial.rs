//! [`Partial`]: a blob while it is written. It has no name a reader could find until it is persisted,
//! and nothing is left of it when it is dropped before.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use artifact_cache_layers::digest::Sha256;
use rustix::{
    fs::{Advice, AtFlags, CWD, FallocateFlags, Mode, OFlags, RenameFlags, fadvise},
    io::Errno,
};

use super::{Blob, BlobStore, Recovery, directories, resume::ResumableName, upload::UploadRecord};

/// How unfinished files without a key are called where they need a name; `sweep` knows them by it.
pub(crate) const UNFINISHED: &str = ".unfinished";
/// Blobs are never written again; everybody on the machine may read them.
pub(super) const FINISHED_MODE: u32 = 0o444;
const UNFINISHED_MODE: u32 = 0o600;

/// An unfinished blob.
///
/// Dropping it aborts: the file disappears unless [`Partial::keep`] or [`Partial::persist`] was called.
pub struct Partial {
    pub(super) store: BlobStore,
    pub(super) file: Arc<File>,
    pub(super) name: Name,
    recovery: Option<Recovery>,
    upload: Option<UploadRecord>,
}

/// What a partial is called while it is unfinished.
pub(super) enum Name {
    /// Nothing (`O_TMPFILE`): a crash leaves nothing behind.
    Nameless,
    /// Something unique, for file systems without `O_TMPFILE`.
    Unique(PathBuf),
    /// By its cache key, so that a later process finds it.
    Resumable(ResumableName),
}

/// What became of a partial.
#[derive(Debug)]
pub struct Persisted {
    /// The blob that has the name now, open.
    pub blob: Arc<Blob>,
    /// Whether it was new; otherwise the older file stayed.
    pub is_new: bool,
}

impl Partial {
    /// Begins a blob. With a known length the space is reserved, so that a full disk shows now.
    pub fn create(store: &BlobStore, expected_len: Option<u64>) -> io::Result<Self> {
        let (file, name) = match nameless(store.temporary()) {
            Ok(file) => (file, Name::Nameless),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => unique(store.temporary())?,
            Err(error) => return Err(error.into()),
        };
        Self::begin(store, file, name, expected_len)
    }

    pub(super) fn begin(
        store: &BlobStore,
        file: File,
        name: Name,
        expected_len: Option<u64>,
    ) -> io::Result<Self> {
        let partial = Self {
            store: store.clone(),
            file: Arc::new(file),
            name,
            recovery: None,
            upload: None,
        };
        partial.reserve(expected_len.unwrap_or(0))?;
        Ok(partial)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error.into()),
            // A file system that cannot reserve says no at the first write that does not fit.
            _ => Ok(()),
        }
    }

    /// The file, to write it and to follow it while it grows.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Writes all of `bytes` at `offset`. Blocks.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Forgets everything written so far.
    pub fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Asks the kernel to begin writing a stretch to disk, so that the fsync at the end is short.
    /// Does not wait, and failing is harmless.
    pub fn start_writeback(&self, offset: u64, len: u64) {
        let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
            return;
        };
        let flags = libc::SYNC_FILE_RANGE_WRITE;
        // SAFETY: the call takes numbers only, and the descriptor is open as long as `self.file`.
        unsafe { libc::sync_file_range(self.file.as_raw_fd(), offset, len, flags) };
    }

    /// Sets what shall be written beside the blob, to find out what it is if the catalog is lost.
    pub fn describe(&mut self, recovery: Recovery) {
        self.recovery = Some(recovery);
    }

    /// The same for an uploaded file.
    pub fn describe_upload(&mut self, upload: UploadRecord) {
        self.upload = Some(upload);
    }

    /// Gives the file its name, durably: file, name and directories survive a power cut when this
    /// returns. The caller has verified that the bytes have this digest. A sound blob that is there
    /// already stays. Blocks for the disk.
    ///
    /// # Errors
    /// What the system says; nothing is left of the partial then.
    pub fn persist(mut self, digest: &Sha256) -> io::Result<Persisted> {
        let unrecorded = self.record()?;
        if let Some(upload) = &self.upload
            && let Err(error) = upload.write_to(&self.file)
        {
            tracing::debug!(error = %error, "no record can be kept beside the file");
        }
        self.file
            .set_permissions(Permissions::from_mode(FINISHED_MODE))?;
        // `sync_all`, not `sync_data`: the recovery record is metadata.
        self.file.sync_all()?;
        self.drop_behind()?;
        let path = self.store.path(digest);
        directories::create(&path)?;
        let is_new = self.place(&path, digest)?;
        self.store.0.directories.sync(digest)?;
        self.record_upload(&path, is_new);
        let recovery = if is_new {
            unrecorded
        } else {
            self.recovery.take()
        };
        if let Some(recovery) = recovery {
            self.store.journal(&recovery)?;
        }
        let blob = self.store.open_file(digest)?;
        let blob = blob.ok_or(io::ErrorKind::NotFound)?;
        Ok(Persisted { blob, is_new })
    }

    /// Takes the pages of a very large file out of the page cache, where that is wanted. They are on disk.
    fn drop_behind(&self) -> io::Result<()> {
        let least = self.store.0.drop_behind.unwrap_or(u64::MAX);
        if self.file.metadata()?.len() >= least {
            // Only advice: a file system without it keeps the pages.
            let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
        }
        Ok(())
    }

    /// Adds the record of an upload to a blob that was there before; a new one has it.
    fn record_upload(&self, path: &Path, is_new: bool) {
        if let Some(upload) = self.upload.as_ref().filter(|_| !is_new)
            && let Err(error) = upload.add_to(path, FINISHED_MODE)
        {
            tracing::debug!(error = %error, "no record can be kept beside the file");
        }
    }

    /// Writes the recovery record to the file; returns it when the file cannot hold it.
    fn record(&mut self) -> io::Result<Option<Recovery>> {
        let Some(recovery) = &self.recovery else {
            return Ok(None);
        };
        let recorded = recovery.write_to(&self.file)?;
        Ok(if recorded { None } else { self.recovery.take() })
    }

    /// Gives the file the name `path`; false when a sound file has it already.
    fn place(&mut self, path: &Path, digest: &Sha256) -> io::Result<bool> {
        match self.rename(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            placed => return placed.map(|()| true),
        }
        let length = self.file.metadata()?.len();
        if path.metadata()?.len() == length {
            return Ok(false);
        }
        // A file of another length is corrupt: its name goes, whoever reads it keeps reading it.
        tracing::warn!(%digest, "a blob of the wrong length is replaced");
        self.store.remove(digest)?;
        self.rename(path).map(|()| true)
    }

    /// Gives the file its name, unless something has the name.
    fn rename(&mut self, path: &Path) -> io::Result<()> {
        let from = match &self.name {
            Name::Nameless => {
                let from = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                let flags = AtFlags::SYMLINK_FOLLOW;
                return Ok(rustix::fs::linkat(CWD, from, CWD, path, flags)?);
            }
            Name::Unique(from) => from,
            Name::Resumable(name) => &name.part,
        };
        match rustix::fs::renameat_with(CWD, from, CWD, path, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                std::fs::hard_link(from, path)?;
                std::fs::remove_file(from)?;
            }
            renamed => renamed?,
        }
        if let Name::Resumable(name) = std::mem::replace(&mut self.name, Name::Nameless) {
            name.remove_identity();
        }
        Ok(())
    }

    /// Leaves a resumable partial for a later [`Partial::reopen`]. Any other disappears.
    pub fn keep(mut self) {
        if let Name::Resumable(_) = self.name {
            self.name = Name::Nameless;
            // A follower may still have the file open; the lock must not outlive the fill.
            let _ = self.file.unlock();
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        match &self.name {
            Name::Nameless => {}
            // What cannot be removed now is swept at the next start.
            Name::Unique(path) => drop(std::fs::remove_file(path)),
            Name::Resumable(name) => name.remove(),
        }
    }
}

fn nameless(directory: &Path) -> Result<File, Errno> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(directory, flags, Mode::from(UNFINISHED_MODE)).map(File::from)
}

/// A file that goes when it is closed.
pub(super) fn nameless_file(directory: &Path) -> io::Result<File> {
    match nameless(directory) {
        Ok(file) => Ok(file),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let (file, name) = unique(directory)?;
            if let Name::Unique(path) = name {
                std::fs::remove_file(path)?;
            }
            Ok(file)
        }
        Err(error) => Err(error.into()),
    }
}

/// A new file with a name that no other partial has, of this process or an earlier one.
fn unique(directory: &Path) -> io::Result<(File, Name)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{}-{number}{UNFINISHED}", std::process::id()));
        match new_file(&path) {
            Ok(file) => return Ok((file, Name::Unique(path))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(UNFINISHED_MODE)
        .open(path)
}

#[cfg(test)]
mod tests;
