//! [`Egress`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{DeniedRequest, denied::Denied, policy::EgressPolicy};
use crate::{
    body::{Body, BoxError},
    extensions::Target,
    guarded::Guarded,
    semantics::target_uri::TargetUri,
};

/// Refuses targets that the policy forbids. See the [module docs](crate::egress) for an example.
#[derive(Clone, Debug)]
pub struct Egress<S> {
    inner: S,
    policy: Arc<EgressPolicy>,
}

impl<S> Egress<S> {
    pub(super) fn new(inner: S, policy: Arc<EgressPolicy>) -> Self {
        Self { inner, policy }
    }

    /// Where the request leads is its [`Target`], or without one the request's own absolute URI. A
    /// request that says neither is refused: who is asked to guard must not let pass what he cannot see.
    fn check(&self, request: &Request<Body>) -> Result<(), BoxError> {
        if let Some(target) = request.extensions().get::<Target>() {
            return self.check_uri(&target.uri);
        }
        let Ok(uri) = request.uri().to_string().parse() else {
            // Without the text: it may hold a password.
            let what = "a request without a usable absolute URI";
            return Err(Denied::by("host", what).into());
        };
        self.check_uri(&uri)
    }

    fn check_uri(&self, uri: &TargetUri) -> Result<(), BoxError> {
        let checked = self.policy.check_uri(uri);
        checked.map_err(|denied| {
            let uri = uri.clone();
            DeniedRequest { uri, denied }.into()
        })
    }
}

impl<S> Service<Request<Body>> for Egress<S>
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

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.check(&request) {
            Ok(()) => Guarded::passed(self.inner.call(request)),
            Err(denied) => Guarded::refused(denied),
        }
    }
}
