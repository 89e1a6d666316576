//! Going through the files themselves, for checks: never on the path of a request, never at start.

use std::{
    ffi::OsStr,
    fs::{File, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    sync::Arc,
};

use artifact_cache_layers::digest::Sha256;

use super::{Blob, BlobStore, partial::FINISHED_MODE, pointers::POINTERS, recovery::JOURNAL};

/// Files of ours directly below the root.
const OWN: [&str; 2] = [JOURNAL, POINTERS];

/// A file below the root of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A blob and its length in bytes.
    Blob(Sha256, u64),
    /// Something whose name or place is not a blob's.
    Stray(PathBuf),
}

impl BlobStore {
    /// Every file below the root, directory by directory. Blocks.
    pub fn walk(&self, mut visit: impl FnMut(Found)) -> io::Result<()> {
        let mut directories = vec![self.root().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir()? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    directories.push(path);
                } else if !OWN.iter().any(|own| entry.file_name() == *own) && !self.is_view(&path) {
                    visit(self.found(path)?);
                }
            }
        }
        Ok(())
    }

    fn found(&self, path: PathBuf) -> io::Result<Found> {
        let name = path.file_name().and_then(OsStr::to_str);
        let digest = name.and_then(|name| name.parse().ok());
        let metadata = path.symlink_metadata()?;
        Ok(match digest {
            // A link that somebody put there is no file of ours.
            Some(digest) if self.path(&digest) == path && metadata.is_file() => {
                Found::Blob(digest, metadata.len())
            }
            _ => Found::Stray(path),
        })
    }

    /// Whether the mode of a blob lets anybody change it, or its owner not read it.
    pub fn has_wrong_mode(&self, digest: &Sha256) -> bool {
        let metadata = self.path(digest).symlink_metadata();
        let is_wrong = |mode: u32| mode & 0o333 != 0 || mode & 0o400 == 0;
        metadata.is_ok_and(|found| found.is_file() && is_wrong(found.mode()))
    }

    /// Gives a blob the mode of blobs.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn mend_mode(&self, digest: &Sha256) -> io::Result<()> {
        let mode = Permissions::from_mode(FINISHED_MODE);
        std::fs::set_permissions(self.path(digest), mode)
    }

    /// Names in the view that lead to another file than their blob's: whoever was given one would read
    /// something else. One whose blob is gone is right for its lease.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn wrong_views(&self) -> io::Result<Vec<Sha256>> {
        let mut wrong = Vec::new();
        self.each_view(|digest| {
            if self.path(&digest).exists() && !self.is_viewed(&digest) {
                wrong.push(digest);
            }
        })?;
        Ok(wrong)
    }

    /// What a blob takes on disk, in bytes.
    pub fn allocated(&self, digest: &Sha256) -> Option<u64> {
        let metadata = self.path(digest).symlink_metadata().ok()?;
        Some(metadata.blocks() * 512)
    }

    /// The file that has the name now, past every cache, for checks of the bytes on disk.
    pub(crate) fn open_afresh(&self, digest: &Sha256) -> io::Result<Option<Blob>> {
        match File::open(self.path(digest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => Ok(Some(Blob {
                len: file.metadata()?.len(),
                file: Arc::new(file),
            })),
        }
    }
}
