//! `POST /api/v1/export`: chosen artifacts as one archive. `POST /api/v1/import`: such an archive, taken in.
//! Importing says what URLs have, so it asks for a token even where no other route does.

use std::io::{self, Read};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use bytes::{Buf as _, Bytes};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    ApiError, answer,
    backup::{typed, unprocessable},
    json,
    openapi::{Answer, Operation},
    routed::{Routed, Routes},
    written,
};
use crate::{
    access::{Gate, Scope},
    artifact::Filter,
    error::Error,
    store::{
        Store,
        bundle::{BundleError, Counted, Selection},
    },
};

const EXPORT: &str = "/api/v1/export";
const IMPORT: &str = "/api/v1/import";
const METHODS: &str = "POST";
/// Largest choice, in bytes: it may name thousands of URLs.
const MAX_BODY: u64 = 4 << 20;
/// Artifacts read at once.
const PAGE: usize = 200;
/// Pieces of an archive that wait for the disk at most.
const QUEUE: usize = 8;

/// Every route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(EXPORT, METHODS), (IMPORT, METHODS)].into_iter()
}

/// The routes as the description of the API has them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let chosen = generator.subschema_for::<Chosen>().to_value();
    let archive = Answer::Other("application/x-tar");
    let counts = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    vec![
        Operation::answering(EXPORT, "post", "Artifacts as an archive", "200", archive)
            .with_body(&chosen),
        Operation::new(IMPORT, "post", "Take an archive in", &counts),
    ]
}

/// The routes.
#[derive(Clone)]
pub struct Bundles {
    store: Store,
    gate: Gate,
}

/// Which artifacts: these URLs, these digests, and all that pass prefix and host.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Export")]
struct Chosen {
    urls: Vec<String>,
    sha256: Vec<String>,
    prefix: Option<String>,
    host: Option<String>,
}

impl Bundles {
    /// The routes over `store`, in front of `inner`.
    pub const fn before<S>(store: Store, gate: Gate, inner: S) -> Routed<Self, S> {
        Routed::new(Self { store, gate }, inner)
    }

    async fn export(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let bytes = json::read(request.into_body(), MAX_BODY).await?;
        let chosen: Chosen = serde_json::from_slice(&bytes)
            .map_err(|error| unprocessable("body", &error.to_string()))?;
        let selection = chosen.selection()?;
        self.store.settle().await;
        let body = written::body(move |sink| {
            let exported = self.store.committer().export(selection, sink);
            let counted = exported.inspect_err(|error| {
                let error = error as &dyn std::error::Error;
                tracing::error!(error, "an export was cut");
            })?;
            let Counted {
                artifacts, blobs, ..
            } = counted;
            tracing::info!(artifacts, blobs, "artifacts exported");
            Ok(())
        });
        Ok(typed(body, "application/x-tar"))
    }

    async fn import(self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.gate.demand(&mut request, Scope::AdminWrite)?;
        let mut body = request.into_body();
        let (to, from) = mpsc::channel(QUEUE);
        let store = self.store.clone();
        let work = tokio::task::spawn_blocking(move || store.import(&mut Pieces::new(from)));
        // When nobody takes more, the answer says why.
        while let Some(frame) = body.frame().await {
            let piece = match frame.map(http_body::Frame::into_data) {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(_)) => continue,
                Err(error) => Err(io::Error::other(error)),
            };
            if to.send(piece).await.is_err() {
                break;
            }
        }
        drop(to);
        let counted = work.await?.map_err(failed)?;
        let Counted {
            artifacts, blobs, ..
        } = counted;
        tracing::info!(artifacts, blobs, "artifacts imported");
        Ok(answer::json(StatusCode::OK, &counted)?)
    }
}

impl Chosen {
    fn selection(&self) -> Result<Selection, BoxError> {
        let keys = self.urls.iter().map(|url| {
            let uri = url.parse::<TargetUri>();
            let uri = uri.map_err(|error| unprocessable("urls", &error.to_string()))?;
            Ok::<_, BoxError>(CacheKey::of(&uri))
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut filters = Vec::new();
        for digest in &self.sha256 {
            let digest = digest.parse::<Sha256>();
            let digest = digest.map_err(|error| unprocessable("sha256", &error.to_string()))?;
            filters.push(Filter {
                limit: PAGE,
                digest: Some(digest),
                ..Filter::default()
            });
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (prefix, host) = (given(&self.prefix), given(&self.host));
        if prefix.is_some() || host.is_some() {
            filters.push(Filter {
                limit: PAGE,
                prefix,
                host: host.map(|host| host.to_ascii_lowercase()),
                ..Filter::default()
            });
        }
        if keys.is_empty() && filters.is_empty() {
            let reason = "give urls, sha256, prefix or host";
            return Err(unprocessable("body", reason));
        }
        Ok(Selection { keys, filters })
    }
}

fn failed(error: BundleError) -> BoxError {
    match error {
        BundleError::NoRoom => Error::InsufficientStorage.into(),
        BundleError::Archive(error) => unprocessable("body", &error.to_string()),
        other => ApiError::Internal(other.into()).into(),
    }
}

/// A body as a thread that may block reads it.
struct Pieces {
    from: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pieces {
    fn new(from: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        let piece = Bytes::new();
        Self { from, piece }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Routes for Bundles {
    fn is_own(&self, path: &str) -> bool {
        path == EXPORT || path == IMPORT
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if *request.method() != Method::POST {
            return Err(ApiError::MethodNotAllowed(METHODS).into());
        }
        if request.uri().path() == EXPORT {
            self.export(request).await
        } else {
            self.import(request).await
        }
    }
}
