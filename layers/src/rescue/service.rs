//! [`Rescue`].

use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use tower_service::Service;

use super::{future::ResponseFuture, panicked::catch, respond::Respond};
use crate::body::{Body, BoxError};

/// Turns errors into responses. See the [module docs](crate::rescue) for an example.
pub struct Rescue<S, R> {
    inner: S,
    respond: R,
    // Why the service did not become ready. Without a request there is nothing to answer, so the
    // request that comes next is given this error.
    unready: Option<BoxError>,
}

impl<S, R> Rescue<S, R> {
    pub(super) fn new(inner: S, respond: R) -> Self {
        Self {
            inner,
            respond,
            unready: None,
        }
    }
}

impl<S, R> Service<Request<Body>> for Rescue<S, R>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    R: Respond + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.unready = match catch(|| self.inner.poll_ready(cx)) {
            Ok(readiness) => ready!(readiness).map_err(Into::into).err(),
            Err(panicked) => Some(panicked.into()),
        };
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let memo = self.respond.remember(&request);
        let called = match self.unready.take() {
            Some(error) => Err(error),
            None => catch(|| self.inner.call(request)).map_err(Into::into),
        };
        ResponseFuture::new(called, self.respond.clone(), memo)
    }
}

// By hand, because an error cannot be cloned; a clone has to become ready by itself.
impl<S: Clone, R: Clone> Clone for Rescue<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.respond.clone())
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Rescue<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rescue")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
