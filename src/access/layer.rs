//! [`AccessLayer`]: the gate as a layer of the stack.

use std::task::{Context, Poll};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Once,
    guarded::Guarded,
};
use http::{Request, Response};
use tower::{Layer, Service};

use super::Gate;

/// Makes [`Access`] services.
#[derive(Clone)]
pub struct AccessLayer {
    gate: Gate,
}

impl AccessLayer {
    /// Requests pass `gate` first.
    #[must_use]
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access {
            inner,
            gate: self.gate.clone(),
        }
    }
}

/// Lets through what the gate lets through.
#[derive(Clone)]
pub struct Access<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if self.gate.is_open() {
            return Guarded::passed(self.inner.call(request));
        }
        // Who may have an answer is decided for each request.
        request.extensions_mut().insert(Once);
        match self.gate.judge(&mut request) {
            Ok(()) => Guarded::passed(self.inner.call(request)),
            Err(error) => Guarded::refused(error),
        }
    }
}
