//! `Reading`: bytes of a file for a transport that takes them through memory. On the spot while the page cache
//! has them, else on a thread that may wait for the disk.

use std::{
    fs::File,
    future::Future as _,
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::FileExt as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::{JoinHandle, spawn_blocking};

/// Most bytes of a read on the spot: they are still in the processor's cache when they are encrypted and copied to
/// the socket.
const CACHED_BYTES: u64 = 128 << 10;
/// Most bytes of a read that may wait: few hops between threads.
const WAITING_BYTES: u64 = 1 << 20;
/// Where in a page of memory the bytes begin. Some processors copy at a thirtieth of their speed where the target lies 1 to
/// 15 bytes behind the source, counted within pages (docs/PERFORMANCE.md). Records of TLS are copied to 5 bytes behind a
/// multiple of 16, so from here the distance is a multiple of 16 too; and half a page is far from where the page
/// cache has them.
const IN_PAGE: usize = PAGE / 2 + 5;
const PAGE: usize = 4 << 10;

/// The read that a body waits for, if any.
#[derive(Default)]
pub(super) struct Reading(Option<JoinHandle<io::Result<Bytes>>>);

impl Reading {
    /// At least one byte from the start of `range`, which is not empty. A read that has begun is continued, whatever
    /// the range is by now.
    ///
    /// # Errors
    /// When the file cannot be read or ends before the read does.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        file: &Arc<File>,
        range: &Range<u64>,
    ) -> Poll<io::Result<Bytes>> {
        if self.0.is_none()
            && let Some(bytes) = cached(file, range)
        {
            return Poll::Ready(Ok(bytes));
        }
        let reading = self.0.get_or_insert_with(|| waiting(file, range));
        let read = ready!(Pin::new(reading).poll(cx));
        self.0 = None;
        Poll::Ready(read?)
    }

    /// Whether a read has begun that [`Reading::poll`] would continue.
    pub(super) fn has_begun(&self) -> bool {
        self.0.is_some()
    }
}

/// What of `range` can be had without waiting (`RWF_NOWAIT`). Any reason why nothing can is left to the read that
/// may wait.
fn cached(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let (mut bytes, start) = buffer(range, CACHED_BYTES);
    let mut slices = [IoSliceMut::new(&mut bytes[start..])];
    let read = preadv2(file, &mut slices, range.start, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(start + read);
    (read > 0).then(|| Bytes::from(bytes).slice(start..))
}

fn waiting(file: &Arc<File>, range: &Range<u64>) -> JoinHandle<io::Result<Bytes>> {
    let (file, range) = (Arc::clone(file), range.clone());
    spawn_blocking(move || {
        let (mut bytes, start) = buffer(&range, WAITING_BYTES);
        file.read_exact_at(&mut bytes[start..], range.start)?;
        Ok(Bytes::from(bytes).slice(start..))
    })
}

/// Room for at most `most` bytes of `range`, and where in it they begin.
fn buffer(range: &Range<u64>, most: u64) -> (Vec<u8>, usize) {
    let length = usize::try_from((range.end - range.start).min(most)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length + PAGE];
    let start = (IN_PAGE + PAGE - bytes.as_ptr().addr() % PAGE) % PAGE;
    bytes.truncate(start + length);
    (bytes, start)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn file(length: usize) -> Arc<File> {
        let file = tempfile::tempfile().expect("file");
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        file.write_all_at(&bytes, 0).expect("write");
        Arc::new(file)
    }

    async fn read(reading: &mut Reading, file: &Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
        poll_fn(|cx| reading.poll(cx, file, &range)).await
    }

    #[tokio::test]
    async fn what_is_cached_comes_at_once_in_small_pieces_from_the_middle_of_a_page() {
        let (file, mut reading) = (file(300_000), Reading::default());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(bytes) = reading.poll(&mut cx, &file, &(7..300_000)) else {
            panic!("it waits for what is in the page cache");
        };
        let bytes = bytes.expect("bytes");
        assert_eq!(bytes.len() as u64, CACHED_BYTES);
        assert_eq!((bytes[0], bytes[1]), (7, 8));
        assert_eq!(bytes.as_ptr().addr() % PAGE, IN_PAGE);
    }

    #[tokio::test]
    async fn a_read_that_has_begun_is_the_one_that_is_given() {
        let (file, mut reading) = (file(100), Reading::default());
        reading.0 = Some(waiting(&file, &(10..20)));
        assert!(reading.has_begun());
        let bytes = read(&mut reading, &file, 10..100).await.expect("bytes");
        assert_eq!(bytes[..], (10..20).collect::<Vec<u8>>());
        assert!(!reading.has_begun());
    }

    #[tokio::test]
    async fn past_the_end_of_the_file_is_an_error() {
        let (file, mut reading) = (file(10), Reading::default());
        let error = read(&mut reading, &file, 10..20)
            .await
            .expect_err("no bytes");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
