//! `POST /resolve`: the URI of an artifact becomes a verified path on this machine. What is remote goes
//! through the shared cache like every other request; what is local is checked where it lies.

mod local;
mod location;
mod request;
mod turns;

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    body::{Body, BoxError},
    cache::NotFetched,
    cause::cause_of,
    digest::Sha256,
    extensions::Served,
    failure::Mismatch,
    semantics::target_uri::TargetUri,
};
use http::{Method, Request, Response, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use tower::Layer;

use self::{
    location::Location,
    request::{Document, Wanted},
    turns::Turns,
};
use super::{
    answer,
    internal::Internal,
    json,
    openapi::Operation,
    routed::{Routed, Routes},
};
use crate::{
    config::{Config, resolve::Resolve as Settings},
    error::Error,
    store::{Store, view::Terms},
};

pub(super) const PATH: &str = "/resolve";
const METHODS: &str = "POST";

/// Answers `POST /resolve` and leaves every other path to the service inside.
#[derive(Clone)]
pub struct ResolveLayer(Resolver);

/// What resolves with. Clones share it.
#[derive(Clone)]
pub struct Resolver {
    store: Store,
    config: Arc<ArcSwap<Config>>,
    cache: Internal,
    turns: Turns,
}

/// What a client is told of an artifact.
#[derive(Serialize, JsonSchema)]
struct Resolved {
    artifact_uri: String,
    local_path: PathBuf,
    sha256: String,
    size_bytes: u64,
    /// False exactly when bytes were downloaded for this answer.
    cached: bool,
}

/// The route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(PATH, METHODS)].into_iter()
}

/// The route as the description of the API has it.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let resolved = generator.subschema_for::<Resolved>().to_value();
    let wanted = generator.subschema_for::<Document>().to_value();
    let about = "A URI becomes a verified path on this machine";
    let resolving = Operation::new(PATH, "post", about, &resolved);
    vec![resolving.with_body(&wanted).asking_origin()]
}

impl ResolveLayer {
    /// Resolves from `store` by way of `cache`.
    #[must_use]
    pub fn new(store: Store, config: Arc<ArcSwap<Config>>, cache: Internal) -> Self {
        Self(Resolver {
            store,
            config,
            cache,
            turns: Turns::default(),
        })
    }
}

impl Resolver {
    async fn respond(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if request.method() != Method::POST {
            return Err(Error::MethodNotAllowed { allow: METHODS }.into());
        }
        let document = json::read(request.into_body(), json::MAX_JSON).await?;
        let wanted = Wanted::parse(&document)?;
        let resolved = self.resolve(wanted).await?;
        tracing::info!(
            artifact_uri = resolved.artifact_uri,
            sha256 = resolved.sha256,
            size_bytes = resolved.size_bytes,
            cached = resolved.cached,
            "artifact resolved"
        );
        Ok(answer::json(StatusCode::OK, &resolved)?)
    }

    async fn resolve(&self, wanted: Wanted) -> Result<Resolved, BoxError> {
        let settings = self.config.load().resolve.clone();
        match Location::of(&wanted.artifact_uri, settings.allow_http)? {
            Location::Remote => self.remote(wanted, &settings).await,
            Location::Local(path) => {
                let resolve = move || local::resolve(&path, &wanted, &settings);
                Ok(tokio::task::spawn_blocking(resolve).await??)
            }
        }
    }

    async fn remote(&self, wanted: Wanted, settings: &Settings) -> Result<Resolved, BoxError> {
        let (digest, size_bytes) = wanted.identity()?;
        let uri = location::target(&wanted.artifact_uri)?;
        // Whoever wants the same bytes waits and finds them, by whichever URI they came.
        let _turn = self.turns.take(digest).await;
        let mut cached = self.fetch(&uri, digest).await?;
        let mut path = self.view(digest, size_bytes, settings).await?;
        if path.is_none() && cached {
            // What was there is damaged, and forgotten now.
            cached = self.fetch(&uri, digest).await?;
            path = self.view(digest, size_bytes, settings).await?;
        }
        Ok(Resolved {
            artifact_uri: wanted.artifact_uri,
            local_path: path.ok_or(Error::InsufficientStorage)?,
            sha256: digest.to_string(),
            size_bytes,
            cached,
        })
    }

    /// Brings an artifact into the store; whether it was there.
    async fn fetch(&self, uri: &TargetUri, digest: Sha256) -> Result<bool, BoxError> {
        let response = self.cache.get(uri, digest).await.map_err(in_its_words)?;
        let served = response.extensions().get::<Served>().copied();
        // The answer is verified, but its commit may be under way.
        drop(response);
        self.store.settle().await;
        Ok(!matches!(
            served,
            Some(Served::Miss | Served::Bypass) | None
        ))
    }

    /// The path of a blob of that length. Sound bytes of another length stay where they are.
    async fn view(
        &self,
        digest: Sha256,
        size_bytes: u64,
        settings: &Settings,
    ) -> Result<Option<PathBuf>, BoxError> {
        let record = self.store.catalog().blob(&digest)?;
        if record.is_some_and(|record| record.size_bytes != size_bytes) {
            return Err(refused("Downloaded size mismatch").into());
        }
        self.store.view(digest, terms(settings)).await
    }
}

/// The terms of a path by the settings.
#[must_use]
pub fn terms(settings: &Settings) -> Terms {
    Terms {
        lease: settings.lease_seconds.0,
        verify_interval: settings.verify_interval.0,
    }
}

fn refused(message: impl Into<String>) -> Error {
    let message = message.into();
    Error::InvalidInput { message }
}

/// Failures that the clients of this route know by other words.
fn in_its_words(error: BoxError) -> BoxError {
    let absent = [StatusCode::NOT_FOUND, StatusCode::GONE];
    if cause_of::<Mismatch>(&*error).is_some() {
        return refused("Downloaded sha256 mismatch").into();
    }
    match cause_of::<NotFetched>(&*error) {
        Some(NotFetched { status, .. }) if absent.contains(status) => {
            let message = "Artifact not found".into();
            Error::Absent { message }.into()
        }
        _ => error,
    }
}

impl<S> Layer<S> for ResolveLayer {
    type Service = Routed<Resolver, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Routed::new(self.0.clone(), inner)
    }
}

impl Routes for Resolver {
    fn is_own(&self, path: &str) -> bool {
        path == PATH
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.respond(request).await
    }
}
