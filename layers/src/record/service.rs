//! [`Record`].

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_service::Service;

use super::{future::ResponseFuture, measure::Measure, recorder::Recorder};
use crate::body::Body;

/// Records each request. See the [module docs](crate::record) for an example.
pub struct Record<S, R> {
    inner: S,
    recorder: Arc<R>,
}

impl<S, R> Record<S, R> {
    pub(super) fn new(inner: S, recorder: Arc<R>) -> Self {
        Self { inner, recorder }
    }
}

impl<S, R> Service<Request<Body>> for Record<S, R>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    R: Recorder,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let measure = Measure::start(self.recorder.clone(), &request);
        let is_head = request.method() == Method::HEAD;
        ResponseFuture::new(self.inner.call(request), measure, is_head)
    }
}

// By hand, because the derived one would demand `R: Clone`.
impl<S: Clone, R> Clone for Record<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.recorder.clone())
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Record<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
