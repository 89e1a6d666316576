//! [`PartLayer`]: a listener that serves one part of the routes, so that clients of a service that did
//! only this work unchanged. It leaves its profile on the request, for the routes that differ by it.

use std::task::{Context, Poll};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Target,
    guarded::Guarded,
};
use http::{Method, Request, Response, Uri};
use tower::{Layer, Service};

use super::{ApiError, files, models::is_registry, resolve};
use crate::config::server::Profile;

/// Lets requests for one part pass. It stands behind the `target` layer: what names a target is no local
/// route, and no part has any other.
#[derive(Clone, Copy, Debug)]
pub struct PartLayer(Profile);

/// The service of [`PartLayer`].
#[derive(Clone, Debug)]
pub struct Part<S> {
    profile: Profile,
    inner: S,
}

impl PartLayer {
    /// Lets pass what `profile` has.
    #[must_use]
    pub const fn new(profile: Profile) -> Self {
        Self(profile)
    }
}

/// Whether a request belongs to the part.
fn has(profile: Profile, request: &Request<Body>) -> bool {
    let path = request.uri().path();
    if request.extensions().get::<Target>().is_some() || request.method() == Method::CONNECT {
        return false;
    }
    if matches!(path, "/health" | "/healthz" | "/readyz") {
        return true;
    }
    match profile {
        Profile::All => true,
        Profile::Metrics => path == "/metrics",
        Profile::Resolve => path == resolve::PATH,
        Profile::Registry => path == "/" || is_registry(path),
        // Operators have another door.
        Profile::DataBank => files::is_own(path) && !path.starts_with("/api/"),
    }
}

impl<S> Layer<S> for PartLayer {
    type Service = Part<S>;

    fn layer(&self, inner: S) -> Part<S> {
        let profile = self.0;
        Part { profile, inner }
    }
}

impl<S> Service<Request<Body>> for Part<S>
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
        // Some clients post to the base URL.
        let is_base = request.uri().path() == "/" && request.method() == Method::POST;
        if is_base && self.profile == Profile::Resolve {
            *request.uri_mut() = Uri::from_static(resolve::PATH);
        }
        if !has(self.profile, &request) {
            return Guarded::refused(ApiError::NoRoute);
        }
        request.extensions_mut().insert(self.profile);
        Guarded::passed(self.inner.call(request))
    }
}
