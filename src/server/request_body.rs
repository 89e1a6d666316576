//! `RequestBody`: what a client sends after its head, under a deadline for its silence.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::body::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::stall::Stall;

/// A request body that fails when the client is silent within it. Time counts only while somebody
/// waits for the bytes: a slow origin is not the client's fault.
pub(super) struct RequestBody {
    incoming: Incoming,
    stall: Stall,
}

/// The client stopped sending in the middle of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestStalled;

impl fmt::Display for RequestStalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client stopped sending the request body")
    }
}

impl std::error::Error for RequestStalled {}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, silence: Duration) -> Self {
        Self {
            incoming,
            stall: Stall::new(silence),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            self.stall.progress();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.stall
            .poll_expired(cx)
            .map(|()| Some(Err(RequestStalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
