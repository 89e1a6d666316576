//! [`Internal`]: requests of the program itself, through the one shared cache.

use std::sync::{Arc, Mutex, PoisonError};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::{Anew, Delivery, Mode, Served, Target},
    semantics::target_uri::TargetUri,
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
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
        let request = Self::request(uri, Mode::Internal, Some(expect));
        self.cache().oneshot(request).await
    }

    /// Brings an artifact into the store, or asks its origin `anew` although it is there; how it was
    /// answered. The answer comes when all bytes are verified; nobody reads them here.
    ///
    /// # Errors
    /// As of the shared cache.
    pub async fn bring(
        &self,
        uri: &TargetUri,
        expect: Option<Sha256>,
        anew: Option<Anew>,
    ) -> Result<Option<Served>, BoxError> {
        let mut request = Self::request(uri, Mode::Internal, expect);
        if let Some(anew) = anew {
            request.extensions_mut().insert(anew);
        }
        let response = self.cache().oneshot(request).await?;
        Ok(response.extensions().get::<Served>().copied())
    }

    /// Reads a document of at most `limit` bytes, such as the index of a registry, by the rules of a
    /// mirror.
    ///
    /// # Errors
    /// As of the shared cache, and when the document cannot be had or is longer.
    pub async fn read(&self, uri: &TargetUri, limit: usize) -> Result<Vec<u8>, BoxError> {
        let mut request = Self::request(uri, Mode::Mirror, None);
        let identity = HeaderValue::from_static("identity");
        request
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, identity);
        let response = self.cache().oneshot(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("{} answers {}", uri.as_str(), response.status()).into());
        }
        let body = Limited::new(response.into_body(), limit).collect().await?;
        Ok(body.to_bytes().into())
    }

    fn request(uri: &TargetUri, mode: Mode, expect: Option<Sha256>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.to_uri();
        request.extensions_mut().insert(Target {
            signed: None,
            uri: uri.clone(),
            mode,
            expect,
            delivery: Delivery::Spool,
        });
        request
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
