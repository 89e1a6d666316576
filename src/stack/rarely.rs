//! [`Rarely`]: a service that most of its clones never call, behind one reference count.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Request, Response};
use tower::{
    Service, ServiceExt as _,
    layer::{LayerFn, layer_fn},
    util::{BoxCloneSyncService, Oneshot},
};

type Inner = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// What a hit does not need. A clone costs a reference count; who is called clones the service itself.
#[derive(Clone)]
pub(super) struct Rarely(Arc<Inner>);

impl Rarely {
    /// Puts what is inside behind a reference count.
    pub(super) fn layer<S>() -> LayerFn<fn(S) -> Self>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        layer_fn(|service| Self(Arc::new(Inner::new(service))))
    }
}

impl Service<Request<Body>> for Rarely {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Oneshot<Inner, Request<Body>>;

    /// Always: the clone that is called waits until it is ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        (*self.0).clone().oneshot(request)
    }
}
