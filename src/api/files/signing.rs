//! `POST /files:sign`: whoever may upload or read gives that right for one request and a short time to
//! somebody without a key.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Response, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::Value;

use super::{Files, file_id, invalid, keys::Scope, sign::Permit};
use crate::{
    api::{
        answer,
        json::{self, Fields},
        timestamp::rfc3339,
    },
    error::Error,
};

/// How long a URL lasts unless the request says otherwise, in seconds.
const LASTS: u64 = 900;
/// The longest that a URL may last, in seconds.
const LASTS_AT_MOST: u64 = 24 * 3600;

#[derive(Serialize)]
struct Signed {
    method: &'static str,
    url: String,
    path: String,
    expires_at: String,
}

impl Files {
    pub(super) async fn sign(&self, head: &Parts, body: Body) -> Result<Response<Body>, BoxError> {
        // Whoever may do neither learns nothing of the document's form.
        let may = |scope| self.permit(scope, head);
        may(Scope::Upload).or_else(|_| may(Scope::Read))?;
        let document = json::read(body, json::MAX_JSON).await?;
        let permit = wanted(&document, self.store.clock().now())?;
        may(permit.scope)?;
        let path = self.signer.sign(&permit);
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(permit.expires);
        let signed = Signed {
            method: if permit.scope == Scope::Upload {
                "POST"
            } else {
                "GET"
            },
            url: format!("{}{path}", base(head)),
            path,
            expires_at: rfc3339(expires_at),
        };
        Ok(answer::json(StatusCode::OK, &signed)?)
    }
}

/// What is to be signed: `scope`, for `read` the `file_id`, for `upload` what it is bound to.
fn wanted(document: &[u8], now: SystemTime) -> Result<Permit, Error> {
    let mut fields = Fields::parse(document)?;
    let (scope, id) = (fields.text("scope"), fields.optional_text("file_id"));
    let (size, sha256) = (
        fields.optional_number("size"),
        fields.optional_text("sha256"),
    );
    let lasts = lasts(&mut fields);
    if !matches!(&*scope, "upload" | "read" | "") {
        let message = "Input should be 'upload' or 'read'";
        fields.problem("literal_error", "scope", message, Value::from(&*scope));
    }
    fields.finish()?;
    let (scope, path) = request(&scope, id)?;
    if scope == Scope::Read && (size.is_some() || sha256.is_some()) {
        return Err(invalid("size and sha256 bind uploads"));
    }
    let digest = |text: String| {
        let digest = text.parse();
        digest.map_err(|_| invalid("sha256 must be 64 hex characters"))
    };
    let expires = (now + lasts).duration_since(SystemTime::UNIX_EPOCH);
    Ok(Permit {
        scope,
        path,
        expires: expires.unwrap_or_default().as_secs(),
        size,
        sha256: sha256.map(digest).transpose()?,
    })
}

fn lasts(fields: &mut Fields) -> Duration {
    let lasts = fields.optional_number("expires_in").unwrap_or(LASTS);
    if !(1..=LASTS_AT_MOST).contains(&lasts) {
        let message = format!("Input should be 1 to {LASTS_AT_MOST}");
        fields.problem("range_error", "expires_in", &message, Value::from(lasts));
        return Duration::ZERO;
    }
    Duration::from_secs(lasts)
}

/// The request that a scope stands for.
fn request(scope: &str, id: Option<String>) -> Result<(Scope, String), Error> {
    match (scope, id) {
        ("upload", None) => Ok((Scope::Upload, "/files".to_owned())),
        ("read", Some(id)) => {
            file_id(&id)?;
            Ok((Scope::Read, format!("/files/{id}")))
        }
        ("read", None) => Err(invalid("reading needs a file_id")),
        _ => Err(invalid("an upload has no file_id; bind it by sha256")),
    }
}

/// Scheme and authority as the client sees them. The signature does not cover them.
fn base(head: &Parts) -> String {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text(header::HeaderName::from_static("x-forwarded-proto")) {
        Some("https") => "https",
        _ => "http",
    };
    text(header::HOST).map_or_else(String::new, |host| format!("{scheme}://{host}"))
}
