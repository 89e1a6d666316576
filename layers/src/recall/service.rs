//! [`Recall`].

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use http::{Request, Response};
use tower_service::Service;

use super::{answers::Answers, future::ResponseFuture, head::Asked};
use crate::body::Body;

/// Gives again what was given a moment ago. See the [module docs](crate::recall) for an example.
///
/// Clones share what is kept.
pub struct Recall<S, C> {
    inner: S,
    answers: Arc<Answers>,
    now: C,
    // A request that is answered from here leaves the service inside as ready as it was.
    is_ready: bool,
}

impl<S, C> Recall<S, C> {
    pub(super) fn new(inner: S, answers: Arc<Answers>, now: C) -> Self {
        Self {
            inner,
            answers,
            now,
            is_ready: false,
        }
    }
}

impl<S, C> Service<Request<Body>> for Recall<S, C>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    C: Fn() -> SystemTime,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !self.is_ready {
            ready!(self.inner.poll_ready(cx))?;
            self.is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(asked) = Asked::of(&request) else {
            self.is_ready = false;
            return ResponseFuture::passed(self.inner.call(request));
        };
        let now = (self.now)();
        if let Some(response) = self.answers.recall(&asked, now) {
            return ResponseFuture::recalled(response);
        }
        let head = asked.to_head();
        self.is_ready = false;
        let keep = (head, Arc::clone(&self.answers), now);
        ResponseFuture::asked(self.inner.call(request), keep)
    }
}

/// A clone is as ready as a new service.
impl<S: Clone, C: Clone> Clone for Recall<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.answers.clone(), self.now.clone())
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Recall<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
