//! Small hot blobs in memory: at these sizes a resident copy beats even `sendfile` in its tail.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    os::unix::fs::{FileExt as _, MetadataExt as _},
};

use artifact_cache_layers::digest::Sha256;
use bytes::Bytes;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder,
    sync::{Cache, DefaultLifecycle},
};
use rustix::io::{Errno, ReadWriteFlags};

use super::Blob;

/// Largest blob kept in memory, in bytes.
pub const MAX_SMALL_BYTES: u64 = 64 << 10;
/// How many blobs seen once are remembered, to recognise the second time.
const SEEN: usize = 16 * 1024;
/// Few, because no blob may be larger than one shard's share.
const SHARDS: usize = 8;

/// Blobs in memory, bounded by the sum of their lengths.
pub(super) struct Memory {
    /// `None` when switched off.
    small: Option<Cache<Sha256, Bytes, ByLength>>,
    seen: Cache<Sha256, ()>,
}

#[derive(Clone)]
struct ByLength;

impl quick_cache::Weighter<Sha256, Bytes> for ByLength {
    fn weight(&self, _: &Sha256, bytes: &Bytes) -> u64 {
        // An empty blob is an entry, too.
        bytes.len() as u64 + 128
    }
}

impl Memory {
    pub(super) fn new(capacity_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usize::try_from(capacity_bytes >> 14).unwrap_or(0).max(1))
            .weight_capacity(capacity_bytes)
            .shards(SHARDS)
            .build();
        let small = options.ok().filter(|_| capacity_bytes > 0).map(|options| {
            let lifecycle = DefaultLifecycle::default();
            Cache::with_options(options, ByLength, DefaultHashBuilder::default(), lifecycle)
        });
        Self {
            small,
            seen: Cache::new(SEEN),
        }
    }

    pub(super) fn get(&self, digest: &Sha256) -> Option<Bytes> {
        self.small.as_ref()?.get(digest)
    }

    /// Told of each time a blob is opened: keeps it the second time, so that what is asked for once
    /// displaces nothing. Reads only what the page cache has, so it never waits for a disk.
    pub(super) fn offer(&self, digest: &Sha256, blob: &Blob) {
        let Some(small) = &self.small else {
            return;
        };
        if blob.len > MAX_SMALL_BYTES || small.contains_key(digest) {
            return;
        }
        if self.seen.get(digest).is_none() {
            self.seen.insert(*digest, ());
        } else if let Ok(bytes) = read_resident(blob) {
            small.insert(*digest, bytes);
            // As for descriptors: a blob removed before this look may have been forgotten too early.
            if blob.file.metadata().map_or(0, |metadata| metadata.nlink()) == 0 {
                small.remove(digest);
            }
        }
    }

    pub(super) fn remove(&self, digest: &Sha256) {
        self.seen.remove(digest);
        if let Some(small) = &self.small {
            small.remove(digest);
        }
    }
}

/// The whole blob if it is in the page cache, else an error.
fn read_resident(blob: &Blob) -> io::Result<Bytes> {
    let length = usize::try_from(blob.len).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = read_now(&blob.file, &mut bytes)?;
    if read == length {
        Ok(bytes.into())
    } else {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn read_now(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut slices = [IoSliceMut::new(bytes)];
    match rustix::io::preadv2(file, &mut slices, 0, ReadWriteFlags::NOWAIT) {
        // File systems without it are those in memory.
        Err(Errno::OPNOTSUPP) => file.read_at(bytes, 0),
        read => Ok(read?),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A blob whose file keeps its name for as long as the first value lives.
    fn blob(bytes: &[u8]) -> (tempfile::TempPath, Blob) {
        let (file, path) = tempfile::NamedTempFile::new().expect("file").into_parts();
        file.write_all_at(bytes, 0).expect("write");
        let (file, len) = (Arc::new(file), bytes.len() as u64);
        (path, Blob { file, len })
    }

    #[test]
    fn the_second_request_brings_a_blob_into_memory() {
        let memory = Memory::new(1 << 20);
        let (digest, (_path, blob)) = (Sha256::of(b"hot"), blob(b"hot"));
        memory.offer(&digest, &blob);
        assert_eq!(memory.get(&digest), None);
        memory.offer(&digest, &blob);
        assert_eq!(memory.get(&digest).as_deref(), Some(&b"hot"[..]));
    }

    #[test]
    fn large_blobs_never_are_in_memory() {
        let memory = Memory::new(1 << 20);
        let limit = usize::try_from(MAX_SMALL_BYTES).expect("small");
        for (length, kept) in [(limit, true), (limit + 1, false)] {
            let bytes = vec![7; length];
            let (digest, (_path, blob)) = (Sha256::of(&bytes), blob(&bytes));
            (0..3).for_each(|_| memory.offer(&digest, &blob));
            assert_eq!(memory.get(&digest).is_some(), kept, "{length}");
        }
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let memory = Memory::new(1 << 20);
        let small = memory.small.as_ref().expect("on");
        for number in 0..200_u8 {
            let bytes = vec![number; 32 << 10];
            let (digest, (_path, blob)) = (Sha256::of(&bytes), blob(&bytes));
            memory.offer(&digest, &blob);
            memory.offer(&digest, &blob);
            assert!(small.weight() <= 1 << 20);
        }
        assert!(small.len() > 8, "{} kept", small.len());
    }

    #[test]
    fn a_blob_removed_meanwhile_is_not_kept() {
        let memory = Memory::new(1 << 20);
        let (digest, (path, blob)) = (Sha256::of(b"gone"), blob(b"gone"));
        memory.offer(&digest, &blob);
        path.close().expect("removed");
        memory.offer(&digest, &blob);
        assert_eq!(memory.get(&digest), None);
    }

    #[test]
    fn no_bytes_allowed_keeps_nothing() {
        let memory = Memory::new(0);
        let (digest, (_path, blob)) = (Sha256::of(b"hot"), blob(b"hot"));
        (0..3).for_each(|_| memory.offer(&digest, &blob));
        assert_eq!(memory.get(&digest), None);
    }
}
