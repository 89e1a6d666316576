//! Is a part of a file in the page cache? If not, reads it there away from the async threads.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
};

use artifact_cache_layers::body::FileRegion;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes per read while a window is brought in.
const READ_BYTES: usize = 128 << 10;

/// The number of `cachestat(2)`, one for all architectures that share the common table of numbers;
/// `libc` does not name it for each of them.
const CACHESTAT: libc::c_long = 451;

/// `struct cachestat_range` of the kernel.
#[repr(C)]
struct Range {
    offset: u64,
    length: u64,
}

/// `struct cachestat` of the kernel, in pages.
#[repr(C)]
#[derive(Default)]
struct Counts {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// Whether `sendfile(2)` can send the whole region without waiting for a disk. A kernel that cannot
/// tell (before 6.5, or by policy) is taken to mean yes.
pub(super) fn is_cached(region: &FileRegion) -> bool {
    let page = rustix::param::page_size() as u64;
    let pages = (region.offset + region.len).div_ceil(page) - region.offset / page;
    count(region).is_none_or(|counts| counts.cached >= pages)
}

fn count(region: &FileRegion) -> Option<Counts> {
    let range = Range {
        offset: region.offset,
        length: region.len,
    };
    let mut counts = Counts::default();
    // SAFETY: the descriptor is open as long as `region` lives; both structures have the layout that
    // `linux/mman.h` gives and outlive the call, which reads the first and writes the second.
    let outcome = unsafe {
        libc::syscall(
            CACHESTAT,
            region.file.as_raw_fd(),
            &raw const range,
            &raw mut counts,
            0,
        )
    };
    (outcome == 0).then_some(counts)
}

/// Reads the region once, so that it is in the page cache. Dropping the handle lets the read finish by
/// itself; it is one window long.
pub(super) fn bring_in(region: &FileRegion) -> JoinHandle<io::Result<()>> {
    let (file, offset, end) = (
        std::sync::Arc::clone(&region.file),
        region.offset,
        region.offset + region.len,
    );
    spawn_blocking(move || read_through(&file, offset, end))
}

/// `readahead(2)` would only begin the reads; `sendfile(2)` would then wait for them all the same.
fn read_through(file: &File, mut offset: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    while offset < end {
        match file.read_at(&mut buffer, offset) {
            // Too short a file is found by whoever sends it.
            Ok(0) => return Ok(()),
            Ok(read) => offset += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, sync::Arc};

    use rustix::fs::{Advice, fadvise};

    use super::*;

    #[tokio::test]
    async fn a_window_that_left_the_page_cache_is_noticed_and_brought_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 300_000]).unwrap();
        let region = FileRegion {
            file: Arc::new(file),
            offset: 5000,
            len: 290_000,
        };
        assert!(is_cached(&region), "just written");
        region.file.sync_all().unwrap();
        fadvise(&region.file, 0, None, Advice::DontNeed).unwrap();
        // On a file system in memory nothing can leave, and there is nothing to see.
        if count(&region).is_some_and(|counts| counts.cached == 0) {
            assert!(!is_cached(&region));
        }
        bring_in(&region).await.unwrap().unwrap();
        assert!(is_cached(&region));
    }
}
