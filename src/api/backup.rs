//! `POST /api/v1/backup`: the store as one archive, or, for the operator of this machine alone, a backup in
//! a directory of this machine, as a job. It gives away what no other route
//! does (uploads, digests of tokens), so it asks for a token even where no other route does.

use std::{ops::ControlFlow, path::PathBuf};

use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderValue, Method, Request, Response, header};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use super::{
    ApiError,
    jobs::{refused, shown::JobShown, started},
    json,
    openapi::{Answer, Operation},
    routed::{Routed, Routes},
    written,
};
use crate::{
    access::{Gate, Scope},
    blob::take::Means,
    error::Error,
    jobs::{Jobs, Order, backup},
    store::{
        Store,
        backup::{Wanted, pack},
    },
    telemetry::label::JobKind,
};

const PATH: &str = "/api/v1/backup";
const METHODS: &str = "POST";
const MAX_BODY: u64 = 64 << 10;

/// Every route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(PATH, METHODS)].into_iter()
}

/// The routes as the description of the API has them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let asked = generator.subschema_for::<Asked>().to_value();
    let summary = "A backup as an archive; in a directory, for the operator, as a job";
    let archive = Answer::Other("application/x-tar");
    let job = Answer::Json(generator.subschema_for::<JobShown>().to_value());
    let made = Operation::answering(PATH, "post", summary, "200", archive).or("202", job);
    vec![made.with_body(&asked)]
}

/// The route.
#[derive(Clone)]
pub struct Backup {
    store: Store,
    gate: Gate,
    jobs: Jobs,
}

/// What is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MakeBackup")]
pub(super) struct Asked {
    /// A directory of the machine that the cache runs on; without it, the answer is an archive.
    directory: Option<PathBuf>,
    /// Copies files that could be linked.
    copy: bool,
    /// Drops files that the backup names no more.
    prune: bool,
}

impl Backup {
    /// The route over `store`, in front of `inner`.
    pub fn before<S>(store: Store, (gate, jobs): (Gate, Jobs), inner: S) -> Routed<Self, S> {
        Routed::new(Self { store, gate, jobs }, inner)
    }

    async fn make(self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let caller = self.gate.demand(&mut request, Scope::AdminWrite)?;
        let (_, body) = request.into_parts();
        let bytes = json::read(body, MAX_BODY).await?;
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        let asked: Asked = serde_json::from_slice(bytes)
            .map_err(|error| unprocessable("body", &error.to_string()))?;
        // What was acknowledged is in the catalog before it is copied.
        self.store.settle().await;
        let flushed = self.store.catalog().flush_hits().await;
        flushed.map_err(|error| ApiError::Internal(error.into()))?;
        let Some(directory) = asked.directory else {
            return Ok(self.archive());
        };
        if !self.gate.keyring().is_operator(&caller) {
            let reason = "only the operator of this machine may name a directory of it".into();
            return Err(Error::Forbidden { reason }.into());
        }
        if !directory.is_absolute() {
            return Err(unprocessable("directory", "must be an absolute path"));
        }
        let means = if asked.copy { Means::Copy } else { Means::Link };
        let prune = asked.prune;
        self.into_directory(directory, Wanted { means, prune })
            .await
    }

    fn archive(self) -> Response<Body> {
        let body = written::body(move |sink| {
            let summary = pack(self.store.committer(), sink, &mut |_| {
                ControlFlow::Continue(())
            });
            let summary = summary.inspect_err(complain)?;
            tracing::info!(
                blobs = summary.blobs,
                size_bytes = summary.bytes,
                lost = summary.lost,
                "backup made"
            );
            Ok(())
        });
        typed(body, "application/x-tar")
    }

    async fn into_directory(
        self,
        directory: PathBuf,
        wanted: Wanted,
    ) -> Result<Response<Body>, BoxError> {
        let about = directory.display().to_string();
        let order = Order::new(JobKind::Backup, &about).alone();
        let work = move |job| backup::run(self.store, directory, wanted, job);
        let job = self.jobs.start(order, work).await;
        started(job.map_err(refused)?)
    }
}

fn complain(error: &crate::store::backup::BackupError) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, "no backup was made");
}

pub(super) fn typed(body: Body, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    let value = HeaderValue::from_static(media_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

pub(super) fn unprocessable(parameter: &'static str, reason: &str) -> BoxError {
    let reason = reason.to_owned();
    Error::UnprocessableParameter { parameter, reason }.into()
}

impl Routes for Backup {
    fn is_own(&self, path: &str) -> bool {
        path == PATH
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if *request.method() != Method::POST {
            return Err(ApiError::MethodNotAllowed(METHODS).into());
        }
        self.make(request).await
    }
}
