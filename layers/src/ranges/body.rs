//! [`InRanges`]: a body whose ranges are asked for ahead, and given out in order.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tower_service::Service;

use super::{Terms, asker::Asker, piece::Piece};
use crate::body::{Body, BoxError};

pub(super) struct InRanges<S> {
    asker: Asker<S>,
    terms: Terms,
    pieces: VecDeque<Piece>,
    /// Where the next range begins.
    next: u64,
    /// Bytes given out.
    given: u64,
}

impl<S> InRanges<S> {
    /// `beginning` is the whole as the origin sends it; only its first range is read.
    pub(super) fn new(asker: Asker<S>, beginning: Body, terms: Terms) -> Self {
        Self {
            asker,
            terms,
            pieces: [Piece::receiving(beginning, terms.range_bytes)].into(),
            next: terms.range_bytes,
            given: 0,
        }
    }
}

impl<S> InRanges<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    /// Asks for the ranges that may be on their way now.
    fn ask_ahead(&mut self) {
        while self.pieces.len() < self.terms.at_once && self.next < self.asker.length {
            let end = self.next.saturating_add(self.terms.range_bytes);
            let range = self.next..end.min(self.asker.length);
            self.next = range.end;
            let length = range.end - range.start;
            let answer = Box::pin(self.asker.clone().ask(range));
            self.pieces.push_back(Piece::asking(answer, length));
        }
    }
}

impl<S> http_body::Body for InRanges<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>>,
    S: Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            self.ask_ahead();
            for piece in self.pieces.iter_mut().skip(1) {
                piece.drive(cx);
            }
            let Some(front) = self.pieces.front_mut() else {
                return Poll::Ready(None);
            };
            front.drive_to_any(cx);
            match ready!(front.poll_next()) {
                Some(Ok(bytes)) => {
                    self.given += bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => drop(self.pieces.pop_front()),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.given == self.asker.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.asker.length - self.given)
    }
}
