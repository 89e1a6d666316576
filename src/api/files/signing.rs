//! `POST /files:sign`: whoever may upload or read gives that right for one request and a short time to
//! somebody without a key.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Response, StatusCode, header, request::Parts};
use schemars::JsonSchema;
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

/// A URL that is good for one request, without a key.
#[derive(Serialize, JsonSchema)]
pub(super) struct Signed {
    method: &'static str,
    url: String,
    path: String,
    expires_at: String,
}

/// What is to be signed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ToSign {
    /// What may be done.
    #[schemars(extend("enum" = ["upload", "read"]))]
    scope: String,
    /// For `read`: which file.
    file_id: Option<String>,
    /// For `upload`: the length that it must have.
    size: Option<u64>,
    /// For `upload`: the digest that it must have.
    sha256: Option<String>,
    /// How long it lasts, in seconds; 900 unless said otherwise.
    #[schemars(range(min = 1, max = 86_400))]
    expires_in: Option<u64>,
}

impl ToSign {
    fn parse(document: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::parse(document)?;
        let wanted = Self {
            scope: fields.text("scope"),
            file_id: fields.optional_text("file_id"),
            size: fields.optional_number("size"),
            sha256: fields.optional_text("sha256"),
            expires_in: fields.optional_number("expires_in"),
        };
        let lasts = wanted.expires_in.unwrap_or(LASTS);
        if !(1..=LASTS_AT_MOST).contains(&lasts) {
            let message = format!("Input should be 1 to {LASTS_AT_MOST}");
            fields.problem("range_error", "expires_in", &message, Value::from(lasts));
        }
        if !matches!(&*wanted.scope, "upload" | "read" | "") {
            let message = "Input should be 'upload' or 'read'";
            fields.problem(
                "literal_error",
                "scope",
                message,
                Value::from(&*wanted.scope),
            );
        }
        fields.finish()?;
        Ok(wanted)
    }
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

/// What may be done by whoever has the URL.
fn wanted(document: &[u8], now: SystemTime) -> Result<Permit, Error> {
    let wanted = ToSign::parse(document)?;
    let (scope, path) = request(&wanted.scope, wanted.file_id)?;
    if scope == Scope::Read && (wanted.size.is_some() || wanted.sha256.is_some()) {
        return Err(invalid("size and sha256 bind uploads"));
    }
    let digest = |text: String| {
        let digest = text.parse();
        digest.map_err(|_| invalid("sha256 must be 64 hex characters"))
    };
    let lasts = Duration::from_secs(wanted.expires_in.unwrap_or(LASTS));
    let expires = (now + lasts).duration_since(SystemTime::UNIX_EPOCH);
    Ok(Permit {
        scope,
        path,
        expires: expires.unwrap_or_default().as_secs(),
        size: wanted.size,
        sha256: wanted.sha256.map(digest).transpose()?,
    })
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
