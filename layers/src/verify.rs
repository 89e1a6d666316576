//! [`VerifyBody`]: checks the digest of a body that is not kept, on its way to the one client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    body::{Body, BoxError},
    digest::{Hasher, Sha256},
    failure::Mismatch,
};

/// Passes a body on one piece late, so that the last piece leaves only when the digest is right. With
/// a wrong digest the body breaks off: wrong bytes never look complete.
pub struct VerifyBody {
    inner: Body,
    hasher: Option<Hasher>,
    expected: Sha256,
    held: Option<Bytes>,
}

impl VerifyBody {
    /// Checks that `inner` has the digest `expected`.
    #[must_use]
    pub fn new(inner: Body, expected: Sha256) -> Self {
        Self {
            inner,
            hasher: Some(Hasher::default()),
            expected,
            held: None,
        }
    }

    fn verified_end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let actual = self.hasher.take()?.finish();
        if actual != self.expected {
            return Some(Err(Mismatch {
                expected: self.expected,
                actual,
            }
            .into()));
        }
        self.held.take().map(|last| Ok(Frame::data(last)))
    }

    fn hold(&mut self, data: Bytes) -> Option<Bytes> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&data);
        }
        self.held.replace(data)
    }
}

impl HttpBody for VerifyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) else {
                return Poll::Ready(this.verified_end());
            };
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            // An empty piece would take the place of the one to hold back.
            if data.is_empty() {
                continue;
            }
            if let Some(earlier) = this.hold(data) {
                return Poll::Ready(Some(Ok(Frame::data(earlier))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.hasher.is_none() && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
        match self.inner.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest + held),
            None => SizeHint::default(),
        }
    }
}
