//! Going through the files themselves, for checks: never on the path of a request, never at start.

use std::{ffi::OsStr, fs::File, io, path::PathBuf, sync::Arc};

use artifact_cache_layers::digest::Sha256;

use super::{Blob, BlobStore, pointers::POINTERS, recovery::JOURNAL};

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
        Ok(match digest {
            Some(digest) if self.path(&digest) == path => {
                Found::Blob(digest, path.symlink_metadata()?.len())
            }
            _ => Found::Stray(path),
        })
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
