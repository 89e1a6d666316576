//! [`Internal`]: requests of the program itself, through the one shared cache.

use std::sync::{Arc, Mutex, PoisonError};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};
use http::{Request, Response};
use tower::{ServiceExt as _, util::BoxCloneService};

type Cache = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// The shared cache as a part of the program asks it. Clones share it.
#[derive(Clone, Debug)]
pub struct Internal(Arc<Mutex<Cache>>);

impl Internal {
    /// Asks `cache`.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        Self(Arc::new(Mutex::new(cache)))
    }

    /// Asks for an artifact that has `expect`. The answer comes when all its bytes are verified.
    ///
    /// # Errors
    /// As of the shared cache.
    pub async fn get(&self, uri: &TargetUri, expect: Sha256) -> Result<Response<Body>, BoxError> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.to_uri();
        request.extensions_mut().insert(Target {
            signed: None,
            uri: uri.clone(),
            mode: Mode::Internal,
            expect: Some(expect),
            delivery: Delivery::Spool,
        });
        self.cache().oneshot(request).await
    }

    /// Asks as a client of the explicit door would; the target is an extension of the request.
    ///
    /// # Errors
    /// As of the shared cache.
    pub async fn ask(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.cache().oneshot(request).await
    }

    fn cache(&self) -> Cache {
        // Cloning a service cannot leave it half done.
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.clone()
    }
}
