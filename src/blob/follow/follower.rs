//! [`Follow`]: a body that reads a growing blob. It decides how far it may go; the blob says how far it
//! could.

use std::{
    fs::File,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::{
    body::{BoxError, FileBody, FileRegion, Payload},
    digest::Sha256,
    failure::Mismatch,
    share::{Verdict, Wanted},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Abandoned, Growing};
use crate::blob::{readers::Reader, reading::Reading};

/// A body that reads a blob while it grows.
pub(super) struct Follow {
    growing: Arc<Growing>,
    reader: Reader,
    /// What is still to be read; the end is `u64::MAX` while the length is unknown.
    range: Range<u64>,
    is_last_held: bool,
    expect: Option<Sha256>,
    trailers: bool,
    reading: Reading,
}

impl Follow {
    pub(super) fn new(growing: Arc<Growing>, wanted: Wanted) -> Self {
        let length = growing.length();
        let range = wanted.range.unwrap_or(0..length.unwrap_or(u64::MAX));
        // The last byte waits for the verdict where it would make something look whole.
        let is_last_held =
            wanted.expect.is_some() || length.is_none_or(|length| range.end >= length);
        Self {
            reader: growing.readers.join(&range),
            growing,
            range,
            is_last_held,
            expect: wanted.expect,
            trailers: wanted.trailers,
            reading: Reading::default(),
        }
    }

    /// How far this reader may go now, or why it can go no further.
    fn limit(&mut self) -> Result<u64, BoxError> {
        match &*self.growing.verdict.borrow() {
            Some(Verdict::Failed(error)) => Err(error.clone().into()),
            Some(Verdict::Complete { digest, length }) => {
                self.range.end = self.range.end.min(*length);
                match self.expect.filter(|expected| expected != digest) {
                    Some(expected) => Err(Mismatch {
                        expected,
                        actual: *digest,
                    }
                    .into()),
                    None => Ok(self.range.end),
                }
            }
            None => Ok(self.limit_while_growing()),
        }
    }

    fn limit_while_growing(&self) -> u64 {
        let there = self
            .reader
            .spilled_to()
            .unwrap_or_else(|| self.growing.written());
        let open_end = self.range.end == u64::MAX;
        let reaches_end = open_end || there >= self.range.end;
        let limit = there.min(self.range.end);
        if self.is_last_held && reaches_end {
            limit.saturating_sub(1)
        } else {
            limit
        }
    }

    /// The next bytes that are there; `None` at the end.
    fn poll_window(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Range<u64>, BoxError>>> {
        let mut is_registered = false;
        loop {
            let limit = match self.limit() {
                Ok(limit) => limit,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if limit > self.range.start {
                // The first time, a restart may have come in between: look again.
                if self.reader.touch() {
                    continue;
                }
                return Poll::Ready(Some(Ok(self.range.start..limit)));
            }
            if self.range.start >= self.range.end {
                return Poll::Ready(None);
            }
            if is_registered {
                return Poll::Pending;
            }
            // Registered first, then looked again: a byte published in between is not missed.
            self.reader.register(cx.waker());
            is_registered = true;
        }
    }

    fn advance(&mut self, len: u64) {
        self.range.start += len;
        self.reader.advance(self.range.start);
    }

    /// What lies in memory at the start of `window`.
    fn in_memory(&mut self, window: &Range<u64>) -> Option<Bytes> {
        let bytes = self.reader.in_memory(window.start)?;
        let len = usize::try_from(window.end - window.start)
            .map_or(bytes.len(), |len| len.min(bytes.len()));
        Some(bytes.slice(..len))
    }

    /// The part of `window` that lies in the file.
    fn in_file(&self, window: &Range<u64>) -> Result<(Arc<File>, Range<u64>), BoxError> {
        let file = self.growing.file.clone().ok_or(Abandoned)?;
        let is_spilled = self.growing.is_spilled();
        let end = if is_spilled {
            window.end.min(self.growing.written())
        } else {
            window.end
        };
        if end <= window.start {
            return Err(Abandoned.into());
        }
        Ok((file, window.start..end))
    }
}

impl FileBody for Follow {
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Payload, BoxError>>> {
        let window = match ready!(self.poll_window(cx)) {
            Some(Ok(window)) => window,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        if let Some(bytes) = self.in_memory(&window) {
            self.advance(bytes.len() as u64);
            return Poll::Ready(Some(Ok(Payload::Bytes(bytes))));
        }
        let (file, part) = match self.in_file(&window) {
            Ok(found) => found,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        let region = FileRegion {
            file,
            offset: part.start,
            len: part.end - part.start,
        };
        self.advance(region.len);
        Poll::Ready(Some(Ok(Payload::Region(region))))
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let window = match ready!(self.poll_window(cx)) {
            Some(Ok(window)) => window,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        // Bytes that came to memory since a read began would be given twice.
        if !self.reading.has_begun()
            && let Some(bytes) = self.in_memory(&window)
        {
            self.advance(bytes.len() as u64);
            return Poll::Ready(Some(Ok(bytes)));
        }
        let (file, part) = match self.in_file(&window) {
            Ok(found) => found,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        let read = ready!(self.reading.poll(cx, &file, &part));
        Poll::Ready(Some(match read {
            Ok(bytes) => {
                self.advance(bytes.len() as u64);
                Ok(bytes)
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn remaining(&self) -> Option<u64> {
        // A body that knows that nothing is left is not asked for its trailers.
        (self.range.end != u64::MAX && !self.trailers).then(|| self.range.end - self.range.start)
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        let Some(Verdict::Complete { digest, .. }) = self.growing.settled() else {
            return None;
        };
        let values = [
            (
                HeaderName::from_static("x-content-sha256"),
                digest.to_string(),
            ),
            (
                HeaderName::from_static("repr-digest"),
                digest.structured_field(),
            ),
        ];
        let fields = values
            .into_iter()
            .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)));
        self.trailers.then(|| fields.collect())
    }
}
