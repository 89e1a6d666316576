//! The local routes: health, statistics, the list of artifacts, metrics. [`Api`] is one tower service
//! that matches a path and a method and answers with JSON; it never touches artifact bytes, which
//! `/fetch` and `/cas` get from the stack. What it needs of the rest of the program is [`Backend`].

mod answer;
mod artifacts;
pub mod backup;
pub mod browser;
pub mod bundle;
pub mod cas;
mod describe;
mod error;
mod explain;
mod export;
#[cfg(test)]
mod fake;
pub mod files;
mod health;
pub mod history;
mod index;
pub mod jobs;
mod json;
pub mod manage;
pub mod models;
mod openapi;
pub mod part;
mod percent;
mod query;
mod record;
pub mod resolve;
pub mod routed;
mod routes;
mod setup;
mod stats;
mod template;
mod timestamp;
pub mod tokens;
pub mod ui;
mod written;

use std::{
    future::Future,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::target_uri::TargetUri,
};
use http::{Method, Request, Response, request::Parts};
use tower::Service;

use crate::{
    artifact::{Artifact, Filter, Page, Totals},
    config::server::Profile,
};

pub use crate::jobs::internal;
pub use error::ApiError;
pub use explain::{Explanation, StoredVariant};
pub use health::{Health, NotReady};
pub use models::{After, Registry, Telling};
pub use routes::is_local;

use internal::Internal;
use models::is_registry;
use routes::Route;

/// What the local routes ask of the rest of the program.
///
/// `totals`, `artifact`, `health`, `metrics_text` and `storage_path` are called on the async threads and
/// must answer from memory or with one look-up. `page` and `count` may scan and are called off them.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Makes what is still counted in memory visible to the calls that follow.
    fn settle(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
    /// Sums over the whole store.
    fn totals(&self) -> Result<Totals, BoxError>;
    /// The time, for spans that end now.
    fn now(&self) -> SystemTime;
    /// Artifacts that pass `filter`, at most `filter.limit`; few or none may come with more to follow.
    fn page(&self, filter: &Filter) -> Result<Page, BoxError>;
    /// How many pass `filter`, whatever its limit.
    fn count(&self, filter: &Filter) -> Result<u64, BoxError>;
    /// Some URLs that have or had the bytes of `digest`.
    fn sources(&self, digest: &Sha256) -> Result<Vec<String>, BoxError>;
    /// The artifact of that number.
    fn artifact(&self, id: u64) -> Result<Option<Artifact>, BoxError>;
    /// Removes an artifact durably; whether there was one.
    fn remove(&self, id: u64) -> impl Future<Output = Result<bool, BoxError>> + Send;
    /// The state that the health routes report.
    fn health(&self) -> Health;
    /// Every metric in the text exposition format.
    fn metrics_text(&self) -> String;
    /// What the registry of models stands on; without it there is none.
    fn registry(&self) -> Option<Registry> {
        None
    }
    /// What is made of a URL.
    fn explain(&self, uri: &TargetUri) -> Result<Explanation, BoxError>;
    /// Where the blob of `digest` lies or would lie.
    fn storage_path(&self, digest: &Sha256) -> PathBuf;
}

/// The local routes as a service. Its error is always an [`ApiError`] in a box; the `rescue` layer
/// outside turns it into a response.
#[derive(Clone, Debug)]
pub struct Api<B> {
    backend: B,
    is_metrics_only: bool,
    cache: Option<Internal>,
}

impl<B: Backend> Api<B> {
    /// The routes over `backend`.
    pub fn new(backend: B) -> Self {
        Self {
            backend,
            is_metrics_only: false,
            cache: None,
        }
    }

    /// With the way to bytes, which the routes of the registry hand on to.
    #[must_use]
    pub fn with_cache(self, cache: Internal) -> Self {
        let cache = Some(cache);
        Self { cache, ..self }
    }

    /// Only the routes that a monitor needs: metrics and health.
    #[must_use]
    pub fn of_metrics_only(self) -> Self {
        Self {
            is_metrics_only: true,
            ..self
        }
    }

    fn route<'a>(&self, path: &'a str) -> Option<Route<'a>> {
        let is_served = |route: &Route<'_>| {
            let is_monitoring = matches!(
                route,
                Route::Metrics | Route::Health | Route::Alive | Route::Ready
            );
            is_monitoring || !self.is_metrics_only
        };
        routes::route(path).filter(is_served)
    }

    async fn dispatch(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let is_registry = !self.is_metrics_only && is_registry(request.uri().path());
        if let Some(registry) = self.backend.registry().filter(|_| is_registry) {
            let cache = self.cache.clone();
            return Registry { cache, ..registry }.serve(request).await;
        }
        let (head, _) = request.into_parts();
        Ok(self.answer(&head).await?)
    }

    /// Answers one request. A request body is not read: no route here takes one.
    pub async fn answer(&self, request: &Parts) -> Result<Response<Body>, ApiError> {
        let route = self.route(request.uri.path()).ok_or(ApiError::NoRoute)?;
        match request.method {
            Method::GET => self.read(&route, request).await,
            Method::HEAD => self.read(&route, request).await.map(answer::without_body),
            Method::DELETE if matches!(route, Route::Artifact(_)) => self.remove(&route).await,
            _ => Err(ApiError::MethodNotAllowed(route.methods())),
        }
    }

    async fn read(&self, route: &Route<'_>, request: &Parts) -> Result<Response<Body>, ApiError> {
        let backend = &self.backend;
        let profile = request.extensions.get().copied().unwrap_or(Profile::All);
        match *route {
            Route::Index if profile == Profile::Registry => index::of_registry(),
            Route::Index => index::show(),
            Route::Health => health::health(&backend.health(), profile),
            Route::Alive => health::alive(),
            Route::Ready => health::ready(&backend.health(), profile),
            Route::Setup => Ok(setup::show(request)),
            Route::Docs => Ok(openapi::page()),
            Route::Stats => {
                backend.settle().await;
                stats::show(backend)
            }
            Route::Artifacts => {
                backend.settle().await;
                artifacts::list(backend, request).await
            }
            Route::Artifact(id) => {
                backend.settle().await;
                artifacts::show(backend, id)
            }
            Route::Explain => explain::show(backend, request),
            Route::Metrics => Ok(answer::metrics(backend.metrics_text())),
        }
    }

    async fn remove(&self, route: &Route<'_>) -> Result<Response<Body>, ApiError> {
        match *route {
            Route::Artifact(id) => artifacts::remove(&self.backend, id).await,
            _ => Err(ApiError::NoRoute),
        }
    }
}

impl<B: Backend> Service<Request<Body>> for Api<B> {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { api.dispatch(request).await })
    }
}

#[cfg(test)]
mod tests {
    use http::{StatusCode, header};
    use tower::ServiceExt as _;

    use super::{
        fake::{Memory, body_of, head, json_of},
        *,
    };

    #[tokio::test]
    async fn a_boxed_stack_can_hold_the_routes() {
        let service = Api::new(Memory::with(0)).boxed_clone();
        let request = Request::get("/healthz").body(Body::empty()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(body_of(response).await, r#"{"status":"ok"}"#);
    }

    #[tokio::test]
    async fn head_has_the_length_of_get_and_no_body() {
        let api = Api::new(Memory::with(3));
        for path in [
            "/",
            "/health",
            "/healthz",
            "/readyz",
            "/metrics",
            "/api/stats",
            "/api/artifacts",
            "/api/artifacts/1",
        ] {
            let get = api.answer(&head("GET", path)).await.unwrap();
            let length = body_of(get).await.len().to_string();
            let answer = api.answer(&head("HEAD", path)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(answer.headers()[header::CONTENT_LENGTH], length, "{path}");
            assert_eq!(body_of(answer).await, "", "{path}");
        }
    }

    #[tokio::test]
    async fn a_wrong_method_names_the_right_ones() {
        let api = Api::new(Memory::with(1));
        for (method, path, allow) in [
            ("POST", "/health", "GET, HEAD"),
            ("DELETE", "/api/artifacts", "GET, HEAD"),
            ("PUT", "/api/artifacts/1", "GET, HEAD, DELETE"),
        ] {
            match api.answer(&head(method, path)).await {
                Err(ApiError::MethodNotAllowed(methods)) => assert_eq!(methods, allow),
                other => panic!("{method} {path}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn an_unknown_path_has_no_route() {
        let api = Api::new(Memory::with(1));
        for path in [
            "/nope",
            "/health/",
            "/api",
            "/api/artifacts/",
            "/api/v1/artifacts/1/x",
        ] {
            let answer = api.answer(&head("GET", path)).await;
            assert!(
                matches!(answer, Err(ApiError::NoRoute)),
                "{path}: {answer:?}"
            );
        }
    }

    #[tokio::test]
    async fn the_index_lists_the_doors() {
        let api = Api::new(Memory::with(0));
        let index = json_of(api.answer(&head("GET", "/")).await.unwrap()).await;
        assert_eq!(index["service"], "artifact-cache");
        assert!(index["routes"]["/fetch?url={url}&sha256={digest}"].is_string());
    }
}
