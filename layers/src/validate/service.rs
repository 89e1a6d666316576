//! [`Validate`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_service::Service;

use super::{error::InvalidRequest, forwarding, framing, host, limits::Limits, syntax};
use crate::{
    body::{Body, BoxError},
    guarded::Guarded,
};

/// Refuses invalid requests. See the [module docs](crate::validate) for an example.
#[derive(Clone, Debug)]
pub struct Validate<S> {
    inner: S,
    limits: Limits,
    pseudonym: Arc<str>,
}

impl<S> Validate<S> {
    pub(super) fn new(inner: S, limits: Limits, pseudonym: Arc<str>) -> Self {
        Self {
            inner,
            limits,
            pseudonym,
        }
    }

    fn check(&self, request: &Request<Body>) -> Result<(), InvalidRequest> {
        let fields = request.headers();
        self.limits.check(request)?;
        syntax::check_target(request.uri())?;
        framing::check(request.version(), fields)?;
        host::check(request)?;
        forwarding::check_expectation(request.version(), fields)?;
        forwarding::check_loop(fields, &self.pseudonym)?;
        match *request.method() {
            Method::TRACE => Err(InvalidRequest::Trace),
            _ => Ok(()),
        }
    }
}

impl<S> Service<Request<Body>> for Validate<S>
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
        let checked = self.check(&request);
        match checked.and_then(|()| forwarding::spend_forward(&mut request)) {
            Ok(None) => {
                host::replace(&mut request);
                Guarded::passed(self.inner.call(request))
            }
            Ok(Some(answer)) => Guarded::answered(answer),
            Err(invalid) => Guarded::refused(invalid),
        }
    }
}
