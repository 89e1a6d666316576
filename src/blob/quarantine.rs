//! Where damaged files are moved to: they can be looked at there, and are never served again.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::Sha256;

use super::BlobStore;

/// The directory, among the temporary files: on the same file system, and no place of a blob.
const QUARANTINE: &str = "quarantine";

impl BlobStore {
    /// Moves the file of a blob aside; whether there was one. The latest stay as long as all together have
    /// at most `limit` bytes. Only `store::heal` may call it, under its hold of the digest. Blocks.
    pub(crate) fn quarantine(&self, digest: &Sha256, limit: u64) -> io::Result<bool> {
        let directory = self.quarantine_directory();
        fs::create_dir_all(&directory)?;
        self.unlink_view(digest)?;
        let moved = match fs::rename(self.path(digest), directory.join(digest.to_string())) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        self.forget(digest);
        bound(&directory, limit)?;
        Ok(moved)
    }

    /// Files that were moved aside, and their bytes. Blocks.
    pub fn quarantined(&self) -> io::Result<(u64, u64)> {
        let files = files(&self.quarantine_directory())?;
        let bytes = files.iter().map(|(_, bytes, _)| bytes).sum();
        Ok((files.len() as u64, bytes))
    }

    /// Whether a damaged file of this digest lies aside.
    pub fn is_quarantined(&self, digest: &Sha256) -> bool {
        let path = self.quarantine_directory().join(digest.to_string());
        path.symlink_metadata().is_ok()
    }

    fn quarantine_directory(&self) -> PathBuf {
        self.temporary().join(QUARANTINE)
    }
}

/// Removes the oldest files until the others have at most `limit` bytes.
fn bound(directory: &Path, limit: u64) -> io::Result<()> {
    let mut files = files(directory)?;
    // Moving a file changes this time, and nothing else does any more.
    files.sort_by_key(|(changed, ..)| *changed);
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, size, path) in files {
        if bytes <= limit {
            break;
        }
        fs::remove_file(path)?;
        bytes -= size;
    }
    Ok(())
}

/// When a file was changed last, its length, and its path.
type Aside = ((i64, i64), u64, PathBuf);

/// What lies there.
fn files(directory: &Path) -> io::Result<Vec<Aside>> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let files = entries.map(|entry| {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Ok((changed, metadata.len(), entry.path()))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{put, temporary_store};

    #[test]
    fn what_is_moved_aside_is_gone_from_the_store_and_bounded() {
        let (_directory, store) = temporary_store();
        let blobs = [b"first", b"other", b"third"].map(|bytes| put(&store, bytes));
        for digest in &blobs {
            store.open_blob(digest, 5).expect("open").expect("there");
            assert!(store.quarantine(digest, 10).expect("moved"));
            assert!(store.open_blob(digest, 5).expect("open").is_none());
        }
        assert_eq!(store.quarantined().expect("read"), (2, 10));
        assert!(store.is_quarantined(&blobs[2]));
        assert!(!store.quarantine(&blobs[0], 10).expect("nothing there"));
        let last = put(&store, b"none!");
        assert!(store.quarantine(&last, 0).expect("moved"));
        assert_eq!(store.quarantined().expect("read"), (0, 0));
    }
}
