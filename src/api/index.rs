//! `GET /`: what there is, for somebody who opens the address without having read anything.

use std::collections::BTreeMap;

use artifact_cache_layers::body::Body;
use http::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ApiError, answer};

const ROUTES: [(&str, &str); 25] = [
    (
        "/fetch?url={url}&sha256={digest}",
        "an artifact, from the store or its origin",
    ),
    (
        "/fetch/{scheme}/{host}/{path}?{query}",
        "the same, byte for byte in the path",
    ),
    ("/cas/sha256/{digest}", "stored bytes by their digest"),
    (
        "/resolve",
        "POST: a URI becomes a verified path on this machine",
    ),
    (
        "/files",
        "POST: uploads a file; /files/{id} reads and removes it, /files/{id}/info describes it",
    ),
    (
        "/files:sign",
        "POST: a URL for one upload or download without a key",
    ),
    (
        "/runs/{id}/artifact",
        "the file of a run, /tokenizers/{id}/artifact of a tokenizer: GET, PUT, DELETE",
    ),
    (
        "/api/artifacts",
        "what is stored: limit, cursor, host, prefix, sha256, q, count",
    ),
    ("/api/artifacts/{id}", "one artifact; DELETE removes it"),
    (
        "/api/v1/explain?url={url}",
        "its class, key and freshness, and what a request would do",
    ),
    (
        "/api/v1/why?url={url}",
        "or sha256=: who keeps it, when it would be evicted, and what was",
    ),
    ("/api/v1/evictions", "what was evicted, the latest first"),
    (
        "/api/v1/pins",
        "what is never evicted: GET, POST, DELETE with url= or sha256=",
    ),
    (
        "/api/v1/purge",
        "POST: removes or marks stale by urls, prefix, host or sha256",
    ),
    (
        "/api/v1/gc",
        "POST: removes what nobody refers to, and frees bytes; dry_run shows what would go",
    ),
    ("/mirror/{name}/{path}", "below a configured base URL"),
    ("/api/stats", "sums over the store"),
    (
        "/api/v1/history",
        "what happened lately, in steps of 10s, 1m or 15m",
    ),
    ("/ui/", "all of this as pages for people"),
    (
        "/models",
        "the registry of models; with a key, see /openapi.json",
    ),
    ("/docs", "every route described; /openapi.json for programs"),
    ("/health", "state and version"),
    ("/healthz", "alive"),
    ("/readyz", "ready for work"),
    ("/metrics", "metrics as text"),
];

/// What there is.
#[derive(Serialize, JsonSchema)]
pub(super) struct Index {
    service: &'static str,
    version: &'static str,
    proxy: &'static str,
    routes: BTreeMap<&'static str, &'static str>,
}

/// What the service said that was nothing but a registry of models.
#[derive(Serialize)]
struct OfRegistry {
    service: &'static str,
    status: &'static str,
}

/// The root of a listener that serves the registry alone.
pub(super) fn of_registry() -> Result<Response<Body>, ApiError> {
    let (service, status) = ("model-registry", "ok");
    answer::json(StatusCode::OK, &OfRegistry { service, status })
}

/// The list of routes.
pub(super) fn show() -> Result<Response<Body>, ApiError> {
    answer::json(
        StatusCode::OK,
        &Index {
            service: "artifact-cache",
            version: env!("CARGO_PKG_VERSION"),
            proxy: "this address is an HTTP proxy as well: set http_proxy to it",
            routes: ROUTES.into(),
        },
    )
}
