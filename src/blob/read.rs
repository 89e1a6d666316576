//! Whole and range reads of a finished blob, as a body.

use std::{
    io,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::body::{Body, BoxError, FileBody, FileRegion, Payload};
use bytes::Bytes;

use super::{Blob, reading::Reading};

/// The bytes `range` of a blob.
///
/// A range that reaches past the end of the blob is an error when the body is read, never a short body.
pub fn body(blob: Arc<Blob>, range: Range<u64>) -> Body {
    if range.is_empty() {
        return Body::empty();
    }
    Body::file(Box::new(Reader {
        blob,
        rest: range,
        reading: Reading::default(),
    }))
}

struct Reader {
    blob: Arc<Blob>,
    rest: Range<u64>,
    reading: Reading,
}

impl Reader {
    fn check(&self) -> Result<(), BoxError> {
        if self.rest.end > self.blob.len {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }
}

impl FileBody for Reader {
    fn poll_payload(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Payload, BoxError>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Err(error) = self.check() {
            return Poll::Ready(Some(Err(error)));
        }
        let region = FileRegion {
            file: Arc::clone(&self.blob.file),
            offset: self.rest.start,
            len: self.rest.end - self.rest.start,
        };
        self.rest.start = self.rest.end;
        Poll::Ready(Some(Ok(Payload::Region(region))))
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Err(error) = self.check() {
            return Poll::Ready(Some(Err(error)));
        }
        let read = ready!(self.reading.poll(cx, &self.blob.file, &self.rest));
        Poll::Ready(Some(match read {
            Ok(bytes) => {
                self.rest.start += bytes.len() as u64;
                Ok(bytes)
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn remaining(&self) -> Option<u64> {
        Some(self.rest.end - self.rest.start)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, os::unix::fs::FileExt as _};

    use artifact_cache_layers::body::Payload;
    use http_body_util::BodyExt as _;

    use super::*;

    fn blob(bytes: &[u8], len: u64) -> Arc<Blob> {
        let file = tempfile::tempfile().expect("file");
        file.write_all_at(bytes, 0).expect("write");
        Arc::new(Blob {
            file: Arc::new(file),
            len,
        })
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[tokio::test]
    async fn bytes_come_in_order_and_end_exactly() {
        let bytes = pattern(3 << 20);
        let blob = blob(&bytes, bytes.len() as u64);
        for range in [0..3 << 20, 1..2, 100..(1 << 20) + 7, (3 << 20) - 1..3 << 20] {
            let read = body(Arc::clone(&blob), range.clone()).collect().await;
            let wanted = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert_eq!(read.expect("read").to_bytes(), bytes[wanted], "{range:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error_not_an_end() {
        let cut = body(blob(b"short", 10), 0..10).collect().await;
        assert!(cut.is_err());
        let past = body(blob(b"short", 5), 0..6).collect().await;
        assert!(past.is_err());
    }

    #[tokio::test]
    async fn a_transport_gets_the_whole_range_as_one_region() {
        let mut body = body(blob(b"0123456789", 10), 3..9);
        let frame = poll_fn(|cx| body.poll_payload(cx)).await;
        let frame = frame.expect("frame").expect("region");
        let Some(Payload::Region(region)) = frame.data_ref() else {
            panic!("not a region");
        };
        assert_eq!((region.offset, region.len), (3, 6));
        assert!(poll_fn(|cx| body.poll_payload(cx)).await.is_none());
    }
}
