//! `/cas/sha256/<hex>`: an artifact by its digest alone. The digest becomes the pin of a URL that is
//! known to have it, so that the request takes the one way to bytes like every other.

use std::task::{Context, Poll};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    guarded::Guarded,
};
use http::{Method, Request, Response};
use tower::{Layer, Service};

use crate::{error::Error, store::Store};

const PREFIX: &str = "/cas/sha256/";

/// Makes [`Cas`] services.
#[derive(Clone)]
pub struct CasLayer {
    store: Store,
}

impl CasLayer {
    /// Looks digests up in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl<S> Layer<S> for CasLayer {
    type Service = Cas<S>;

    fn layer(&self, inner: S) -> Cas<S> {
        Cas {
            inner,
            store: self.store.clone(),
        }
    }
}

/// Gives requests for a digest their target.
#[derive(Clone)]
pub struct Cas<S> {
    inner: S,
    store: Store,
}

impl<S> Cas<S> {
    /// The target of a request for a digest; `None` for every other request.
    fn target(&self, request: &Request<Body>) -> Result<Option<Target>, Error> {
        if request.extensions().get::<Target>().is_some() || request.method() == Method::CONNECT {
            return Ok(None);
        }
        let Some(text) = request.uri().path().strip_prefix(PREFIX) else {
            return Ok(None);
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Error::MethodNotAllowed { allow: "GET, HEAD" });
        }
        let digest: Sha256 = text.parse().map_err(|_| Error::InvalidParameter {
            parameter: "sha256",
            reason: "expected 64 hex characters".into(),
        })?;
        let found = self.store.holder(&digest);
        let holder = found.map_err(|error| Error::internal(&*error))?;
        let uri = holder.ok_or(Error::NotFound)?.uri.clone();
        let (mode, delivery) = (Mode::Explicit, Delivery::Hold);
        Ok(Some(Target {
            signed: None,
            uri,
            mode,
            expect: Some(digest),
            delivery,
        }))
    }
}

impl<S> Service<Request<Body>> for Cas<S>
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
        match self.target(&request) {
            Err(error) => return Guarded::refused(error),
            Ok(Some(target)) => drop(request.extensions_mut().insert(target)),
            Ok(None) => {}
        }
        Guarded::passed(self.inner.call(request))
    }
}
