//! [`Piece`]: one range on its way into memory.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body as _;

use crate::{
    body::{Body, BoxError},
    failure::Incomplete,
};

/// An answer that has not come yet.
pub(super) type Asking = Pin<Box<dyn Future<Output = Result<Body, BoxError>> + Send>>;

/// The bytes of a range as far as they came and were not given out.
pub(super) struct Piece {
    source: Source,
    length: u64,
    received: u64,
    here: VecDeque<Bytes>,
}

enum Source {
    Asking(Asking),
    Receiving(Body),
    /// Everything came.
    Complete,
    Failed(Option<BoxError>),
}

impl Piece {
    /// `length` bytes from an answer that is still to come.
    pub(super) fn asking(answer: Asking, length: u64) -> Self {
        Self::of(Source::Asking(answer), length)
    }

    /// The first `length` bytes of a body.
    pub(super) fn receiving(body: Body, length: u64) -> Self {
        Self::of(Source::Receiving(body), length)
    }

    fn of(source: Source, length: u64) -> Self {
        Self {
            source,
            length,
            received: 0,
            here: VecDeque::new(),
        }
    }

    /// Takes all that can be had now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        while self.take(cx).is_ready() {}
    }

    /// Takes what can be had now until there is something to give.
    pub(super) fn drive_to_any(&mut self, cx: &mut Context<'_>) {
        while self.here.is_empty() && self.take(cx).is_ready() {}
    }

    /// Ready when there may be more to take.
    fn take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_source(cx).map(|next| self.source = next)
    }

    /// What becomes of the source once something happens.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Source> {
        match &mut self.source {
            Source::Asking(answer) => answer.as_mut().poll(cx).map(|answer| match answer {
                Ok(body) => Source::Receiving(body),
                Err(error) => Source::Failed(Some(error)),
            }),
            Source::Receiving(body) => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
                let body = std::mem::take(body);
                Poll::Ready(match frame.transpose() {
                    Ok(frame) => {
                        self.received(body, frame.and_then(|frame| frame.into_data().ok()))
                    }
                    Err(error) => Source::Failed(Some(error)),
                })
            }
            Source::Complete | Source::Failed(_) => Poll::Pending,
        }
    }

    fn received(&mut self, body: Body, bytes: Option<Bytes>) -> Source {
        let Some(mut bytes) = bytes else {
            return Source::Failed(Some(self.incomplete().into()));
        };
        let left = usize::try_from(self.length - self.received).unwrap_or(usize::MAX);
        bytes.truncate(left);
        self.received += bytes.len() as u64;
        self.here.push_back(bytes);
        if self.received == self.length {
            Source::Complete
        } else {
            Source::Receiving(body)
        }
    }

    fn incomplete(&self) -> Incomplete {
        Incomplete {
            received: self.received,
            expected: Some(self.length),
        }
    }

    /// The next bytes; `None` inside when there are no more. What came before a failure is given before it.
    pub(super) fn poll_next(&mut self) -> Poll<Option<Result<Bytes, BoxError>>> {
        if let Some(bytes) = self.here.pop_front() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        match &mut self.source {
            Source::Complete => Poll::Ready(None),
            Source::Failed(error) => {
                let error = error.take().unwrap_or_else(|| self.incomplete().into());
                Poll::Ready(Some(Err(error)))
            }
            Source::Asking(_) | Source::Receiving(_) => Poll::Pending,
        }
    }
}
