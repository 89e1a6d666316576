//! The body of a `multipart/byteranges` response (RFC 9110 §14.6): part heads and ranges in turn.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::body::{Body, BoxError};

pub(super) struct MultipartBody {
    parts: VecDeque<(Bytes, Body)>,
    current: Option<Body>,
    end: Option<Bytes>,
    remaining: u64,
}

impl MultipartBody {
    /// Each part is what goes before its bytes, and its bytes; `end` follows the last, `length` is the
    /// length of all of it.
    pub(super) fn new(parts: Vec<(Bytes, Body)>, end: Bytes, length: u64) -> Self {
        Self {
            parts: parts.into(),
            current: None,
            end: Some(end),
            remaining: length,
        }
    }

    fn next_text(&mut self) -> Option<Bytes> {
        match self.parts.pop_front() {
            Some((before, body)) => {
                self.current = Some(body);
                Some(before)
            }
            None => self.end.take(),
        }
    }
}

impl HttpBody for MultipartBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let data = loop {
            let Some(body) = &mut this.current else {
                break this.next_text();
            };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        break Some(data);
                    }
                }
                None => this.current = None,
            }
        };
        this.remaining -= data.as_ref().map_or(0, |data| data.len() as u64);
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
