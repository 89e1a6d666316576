//! [`Routed`]: a part of the local routes that answers its own paths and passes all others on.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Request, Response};
use tower::Service;

/// What answers some paths.
pub trait Routes: Clone + Send + 'static {
    /// Whether requests for `path` are answered here.
    fn is_own(&self, path: &str) -> bool;

    /// The answer to a request for such a path.
    fn answer(
        self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, BoxError>> + Send;
}

/// These routes, and behind them `inner`.
#[derive(Clone)]
pub struct Routed<R, S> {
    routes: R,
    inner: S,
}

impl<R, S> Routed<R, S> {
    pub(super) const fn new(routes: R, inner: S) -> Self {
        Self { routes, inner }
    }
}

impl<R, S> Service<Request<Body>> for Routed<R, S>
where
    R: Routes,
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.routes.is_own(request.uri().path()) {
            return Box::pin(self.routes.clone().answer(request));
        }
        Box::pin(self.inner.call(request))
    }
}
