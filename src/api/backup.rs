//! `POST /api/v1/backup`: the store as one archive, or, for the operator of this machine alone, a backup in
//! a directory of this machine, told of line by line as it comes on. It gives away what no other route
//! does (uploads, digests of tokens), so it asks for a token even where no other route does.

use std::{
    io::Write as _,
    ops::ControlFlow,
    path::PathBuf,
    time::{Duration, Instant},
};

use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderValue, Method, Request, Response, header};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use super::{
    ApiError, json,
    openapi::{Answer, Operation},
    routed::{Routed, Routes},
    written::{self, Sink},
};
use crate::{
    access::{Gate, Scope},
    blob::take::Means,
    error::Error,
    store::{
        Store,
        backup::{Progress, Wanted, make, pack},
    },
};

const PATH: &str = "/api/v1/backup";
const METHODS: &str = "POST";
const MAX_BODY: u64 = 64 << 10;
/// Time between two lines about the progress.
const PERIOD: Duration = Duration::from_millis(200);

/// Every route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(PATH, METHODS)].into_iter()
}

/// The routes as the description of the API has them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let asked = generator.subschema_for::<Asked>().to_value();
    let summary = "A backup as an archive; in a directory, for the operator, told of in lines";
    let archive = Answer::Other("application/x-tar");
    let made = Operation::answering(PATH, "post", summary, "200", archive);
    vec![made.with_body(&asked)]
}

/// The route.
#[derive(Clone)]
pub struct Backup {
    store: Store,
    gate: Gate,
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
    pub const fn before<S>(store: Store, gate: Gate, inner: S) -> Routed<Self, S> {
        Routed::new(Self { store, gate }, inner)
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
        Ok(self.into_directory(directory, Wanted { means, prune }))
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

    fn into_directory(self, directory: PathBuf, wanted: Wanted) -> Response<Body> {
        let body = written::lines(move |sink| {
            let mut told = Instant::now();
            let mut watch = |progress: Progress| tell(sink, progress, &mut told);
            let made = make(self.store.committer(), &directory, wanted, &mut watch);
            let line = match made {
                Ok(summary) => {
                    tracing::info!(
                        directory = %directory.display(),
                        blobs = summary.blobs,
                        size_bytes = summary.bytes,
                        lost = summary.lost,
                        "backup made"
                    );
                    json!({"summary": summary})
                }
                Err(error) => {
                    complain(&error);
                    json!({"error": causes(&error)})
                }
            };
            Ok(writeln!(sink, "{line}")?)
        });
        typed(body, "application/x-ndjson")
    }
}

/// Says how far it is, now and then, and stops when nobody listens.
fn tell(sink: &mut Sink, progress: Progress, told: &mut Instant) -> ControlFlow<()> {
    if sink.is_abandoned() {
        return ControlFlow::Break(());
    }
    if told.elapsed() < PERIOD {
        return ControlFlow::Continue(());
    }
    *told = Instant::now();
    let line = json!({"progress": progress});
    match writeln!(sink, "{line}").and_then(|()| sink.flush()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn complain(error: &crate::store::backup::BackupError) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, "no backup was made");
}

/// An error with everything that caused it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn typed(body: Body, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    let value = HeaderValue::from_static(media_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

fn unprocessable(parameter: &'static str, reason: &str) -> BoxError {
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
