//! What blobs take on disk, and whether anybody has one open.

use std::{
    fs::{DirEntry, File},
    io,
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    sync::Arc,
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{Blob, BlobStore, resume::PART};

/// The unit of `st_blocks`, whatever the file system's own blocks are.
const UNIT: u64 = 512;

impl Blob {
    /// Bytes of the blocks that it takes on disk; its length when the system does not say.
    pub fn allocated_bytes(&self) -> u64 {
        self.file
            .metadata()
            .map_or(self.len, |metadata| metadata.blocks() * UNIT)
    }
}

impl BlobStore {
    /// What a file of `length` bytes will take at most: whole blocks, one for what is written beside it
    /// and one for where they are.
    pub fn room_for(&self, length: u64) -> u64 {
        let block = self.0.block_bytes;
        let blocks = length.div_ceil(block).saturating_add(2);
        blocks.saturating_mul(block)
    }

    /// Bytes of the file system in all.
    pub fn disk_bytes(&self) -> io::Result<u64> {
        let status = rustix::fs::statvfs(&self.0.temporary)?;
        Ok(status.f_blocks.saturating_mul(status.f_frsize))
    }

    /// The downloads that earlier processes left to be continued, and what each takes on disk.
    pub fn left_parts(&self) -> Vec<(CacheKey, u64)> {
        let entries = self.temporary().read_dir().into_iter().flatten().flatten();
        let part = |entry: DirEntry| {
            let path = entry.path();
            let is_part = path.extension().is_some_and(|extension| extension == PART);
            let key = path.file_stem()?.to_str()?.parse::<Sha256>().ok()?;
            // The identity beside it takes a block.
            let bytes = entry.metadata().ok()?.blocks() * UNIT + self.0.block_bytes;
            is_part.then_some((CacheKey(key), bytes))
        };
        entries.filter_map(part).collect()
    }

    /// Whether a blob is being read: by a response, or by another program, or its path was given out. A
    /// backup's name of the file is no reason to keep it. A descriptor that is only kept at hand is closed for that. Nobody who reads from memory
    /// needs the file.
    pub fn is_in_use(&self, digest: &Sha256) -> bool {
        if let Some(blob) = self.0.open.get(digest) {
            // One is the cache's, one is this look's.
            if Arc::strong_count(&blob) > 2 || Arc::strong_count(&blob.file) > 1 {
                return true;
            }
            self.0.open.remove(digest);
        }
        let Ok(file) = File::open(self.path(digest)) else {
            return false;
        };
        self.is_viewed(digest) || is_open_elsewhere(&file)
    }
}

/// Whether any other descriptor of the file is open, of whatever process: only then a write lease is
/// refused with `EAGAIN` (fcntl(2)). A file system that knows no leases says nothing, which is no.
fn is_open_elsewhere(file: &File) -> bool {
    let descriptor = file.as_raw_fd();
    // SAFETY: the calls take numbers only, and the descriptor is open as long as `file`. Whoever opens the
    // file while the lease is held waits for its end, a few lines below; we are told of that by a
    // signal that is ignored by default instead of `SIGIO`, which is not.
    unsafe {
        libc::fcntl(descriptor, F_SETSIG, libc::SIGURG);
        let is_leased = libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_WRLCK) == 0;
        if is_leased {
            libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK);
            return false;
        }
    }
    io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

/// Linux's number, which `libc` has not for every target.
const F_SETSIG: libc::c_int = 10;

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn a_blob_is_in_use_while_somebody_has_it_open_and_not_after() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, &vec![7; 100_000]);
        assert!(!store.is_in_use(&digest));
        let blob = store
            .open_blob(&digest, 100_000)
            .expect("open")
            .expect("there");
        assert!(store.is_in_use(&digest));
        let file = blob.file.clone();
        drop(blob);
        assert!(store.is_in_use(&digest));
        drop(file);
        assert!(!store.is_in_use(&digest));
    }

    #[test]
    fn a_blob_that_is_open_past_the_cache_or_whose_path_was_given_out_is_in_use() {
        let (directory, store) = temporary_store();
        let digest = put(&store, b"bytes");
        let other = File::open(store.path(&digest)).expect("open");
        assert!(store.is_in_use(&digest));
        drop(other);
        assert!(!store.is_in_use(&digest));
        let link = directory.path().join("link");
        std::fs::hard_link(store.path(&digest), &link).expect("link");
        assert!(!store.is_in_use(&digest), "a backup has it too");
        assert!(store.has_other_names(&digest));
        store.link_view(&digest).expect("view");
        assert!(store.is_in_use(&digest));
        store.unlink_view(&digest).expect("removed");
        assert!(!store.is_in_use(&digest));
    }

    #[test]
    fn a_blob_takes_no_more_than_was_reckoned() {
        let (_directory, store) = temporary_store();
        for length in [0, 1, 4095, 4096, 4097, 1_000_000] {
            let digest = put(&store, &vec![7; length]);
            let blob = store
                .open_blob(&digest, length as u64)
                .expect("open")
                .expect("there");
            assert!(
                blob.allocated_bytes() <= store.room_for(length as u64),
                "{length}"
            );
        }
    }
}
