//! [`TargetService`].

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{mirrors::Mirrors, names::OwnNames, resolve::resolve};
use crate::{
    body::{Body, BoxError},
    guarded::Guarded,
};

/// Gives each request its target. See the [module docs](crate::target) for an example.
#[derive(Clone, Debug)]
pub struct TargetService<S> {
    inner: S,
    own: OwnNames,
    mirrors: Mirrors,
}

impl<S> TargetService<S> {
    pub(super) fn new(inner: S, own: OwnNames, mirrors: Mirrors) -> Self {
        Self {
            inner,
            own,
            mirrors,
        }
    }
}

impl<S> Service<Request<Body>> for TargetService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match resolve(&mut request, &self.own, &self.mirrors) {
            Ok(Some(target)) => {
                request.extensions_mut().insert(target);
                Guarded::passed(self.inner.call(request))
            }
            Ok(None) => Guarded::passed(self.inner.call(request)),
            Err(invalid) => Guarded::refused(invalid),
        }
    }
}
