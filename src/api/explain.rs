//! `/api/v1/explain?url=`: what the cache makes of a URL, and what a plain GET of it would do now.

use artifact_cache_layers::{body::Body, semantics::target_uri::TargetUri};
use http::{Response, StatusCode, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;
use url::form_urlencoded;

use super::{ApiError, Backend, answer};

/// What the cache makes of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What it is stored under: the URL, without its signature when it is presigned.
    pub url: String,
    /// The primary cache key, as hex.
    pub key: String,
    /// Whether the URL that was asked about is presigned.
    pub presigned: bool,
    /// The class of the resource.
    pub class: &'static str,
    /// The pattern of the rule that says so; `null` when none matches.
    pub rule: Option<String>,
    /// What a GET without further fields would do now through the proxy or a mirror: `hit`, `stale`,
    /// `validate`, `fetch` or `bypass`.
    pub next: &'static str,
    /// Why, as a token of `Cache-Status` where there is one.
    pub why: &'static str,
    /// What `/fetch` would do now: `hit` or `fetch`.
    pub fetch: &'static str,
    /// Why the latest answer was not stored, if one was not and the process remembers.
    pub not_stored: Option<&'static str>,
    /// What is stored, newest first.
    pub stored: Vec<StoredVariant>,
}

/// One stored response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoredVariant {
    /// Status of the response.
    pub status: u16,
    /// Digest of its bytes.
    pub sha256: String,
    /// Number of its bytes.
    pub size_bytes: u64,
    /// Its age (RFC 9111 §4.2.3).
    pub age_seconds: u64,
    /// How much longer it is fresh; `null` when it is not, or must be validated anyhow.
    pub fresh_for_seconds: Option<u64>,
    /// Whether an unsafe request invalidated it.
    pub invalidated: bool,
    /// What the origin said of its freshness.
    pub cache_control: Option<String>,
    /// Its validators.
    pub etag: Option<String>,
    /// The date of its last change.
    pub last_modified: Option<String>,
    /// The request fields that select it.
    pub vary: Vec<String>,
}

const EXPECTED: &str = "must be an absolute http or https URL";

/// Explains the URL of the query.
pub(super) fn show(backend: &impl Backend, request: &Parts) -> Result<Response<Body>, ApiError> {
    let uri = url(request.uri.query().unwrap_or_default())?;
    let explanation = backend.explain(&uri).map_err(ApiError::Internal)?;
    answer::json(StatusCode::OK, &explanation)
}

fn url(query: &str) -> Result<TargetUri, ApiError> {
    let mut url = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "url" if url.is_none() => url = Some(value),
            "url" => return Err(invalid("is given more than once")),
            _ => return Err(ApiError::UnknownParameter(name.into_owned())),
        }
    }
    let uri = url.and_then(|url| url.parse::<TargetUri>().ok());
    uri.filter(|uri| matches!(uri.scheme(), "http" | "https"))
        .ok_or(invalid(EXPECTED))
}

const fn invalid(reason: &'static str) -> ApiError {
    let parameter = "url";
    ApiError::InvalidParameter { parameter, reason }
}
