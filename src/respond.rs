//! `Error` → response, in one place: JSON for our own doors, `Proxy-Status` for what is proxied.

use std::time::Duration;

use artifact_cache_layers::body::Body;
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_RANGE, CONTENT_TYPE, PROXY_AUTHENTICATE,
        RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use serde::Serialize;

use crate::error::{Error, Facts};

/// Our name in `Proxy-Status`.
const NAME: &str = "artifact-cache";

/// Where error types are named. An identifier, not a page (RFC 9457 §3.1.1).
const TYPES: &str = "https://artifact-cache.example/errors/";

/// What is asked for (RFC 7617 §2, RFC 6750 §3). Basic first: the one that every client can answer.
const BASIC: HeaderValue =
    HeaderValue::from_static("Basic realm=\"artifact-cache\", charset=\"UTF-8\"");
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"artifact-cache\"");

const PROBLEM: &str = "application/problem+json";

/// What of a request decides the form of its error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether the request was one to the forward proxy, whose client wants no JSON.
    pub proxied: bool,
    /// Whether the client asked for `application/problem+json`.
    pub problem: bool,
    /// The path that was asked for.
    pub instance: String,
    /// The request's id, if it has one.
    pub request_id: Option<String>,
}

impl Form {
    /// The form for a client of `/fetch` or another door of our own.
    #[must_use]
    pub fn local<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Self {
            proxied: false,
            problem: asks_for_problem(headers),
            instance: instance(request.uri().path()),
            request_id: request_id(headers),
        }
    }

    /// The form for a client of the forward proxy.
    #[must_use]
    pub fn proxied<B>(request: &Request<B>) -> Self {
        Self {
            proxied: true,
            problem: false,
            ..Self::local(request)
        }
    }
}

/// The response that tells a client of `error`. `Via`, `Cache-Status` and `X-Request-ID` are added
/// further out, as for every response.
#[must_use]
pub fn respond(error: &Error, form: &Form) -> Response<Body> {
    let (content_type, body) = if form.proxied {
        (
            "text/plain; charset=utf-8",
            format!("{}\n", error.message()),
        )
    } else {
        (
            if form.problem {
                PROBLEM
            } else {
                "application/json"
            },
            json(error, form),
        )
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // A proxy between us and the client must not keep our failures.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if form.proxied
        && let Ok(status) = HeaderValue::from_str(&proxy_status(error))
    {
        headers.insert("proxy-status", status);
    }
    add_demanded_fields(error, headers);
    response
}

/// Fields that a status or the state of the connection demands.
fn add_demanded_fields(error: &Error, headers: &mut HeaderMap) {
    if let Error::MethodNotAllowed { allow } = error {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Error::RangeNotSatisfiable { length } = error
        && let Ok(range) = HeaderValue::try_from(format!("bytes */{length}"))
    {
        headers.insert(CONTENT_RANGE, range);
    }
    match error {
        Error::Unauthorized { .. } => {
            headers.append(WWW_AUTHENTICATE, BASIC);
            headers.append(WWW_AUTHENTICATE, BEARER);
        }
        Error::ProxyUnauthorized { .. } => drop(headers.insert(PROXY_AUTHENTICATE, BASIC)),
        _ => {}
    }
    if let Some(delay) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    if error.closes_connection() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The one error object: what RFC 9457 names, and what each of the older interfaces reads.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: Detail<'a>,
    instance: &'a str,
    error: &'static str,
    message: &'a str,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    facts: Facts,
}

/// A sentence, or one object for each invalid field.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Text(&'a str),
    Fields(&'a [serde_json::Value]),
}

fn json(error: &Error, form: &Form) -> String {
    let entry = error.entry();
    let message = error.message();
    let problem = Problem {
        r#type: format!("{TYPES}{}", entry.error),
        title: entry.title,
        status: entry.status.as_u16(),
        detail: match error {
            Error::InvalidFields { problems } => Detail::Fields(problems),
            _ => Detail::Text(&message),
        },
        instance: &form.instance,
        error: entry.error,
        message: &message,
        code: entry.error.to_uppercase(),
        request_id: form.request_id.as_deref(),
        facts: error.facts(),
    };
    // Texts and numbers always serialise.
    serde_json::to_string(&problem).unwrap_or_default()
}

/// `Proxy-Status` (RFC 9209 §2): who failed, how, and in words.
fn proxy_status(error: &Error) -> String {
    let received = match error {
        Error::UpstreamStatus { status_code, .. } => {
            format!("; received-status={}", status_code.as_u16())
        }
        _ => String::new(),
    };
    let (kind, details) = (error.proxy_error(), structured_string(&error.message()));
    format!("{NAME}; error={kind}{received}; details={details}")
}

/// A String of RFC 9651 §3.3.3, which has only the visible characters of ASCII and the space.
fn structured_string(text: &str) -> String {
    let ascii = text
        .chars()
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' });
    let escaped = ascii.flat_map(|c| {
        matches!(c, '"' | '\\')
            .then_some('\\')
            .into_iter()
            .chain([c])
    });
    std::iter::once('"').chain(escaped).chain(['"']).collect()
}

/// Rounded up: a client that comes back early is sent away again.
fn whole_seconds(delay: Duration) -> u64 {
    (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1)
}

/// Whether `Accept` names the media type of problems with a weight above zero. A wildcard does not.
fn asks_for_problem(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(PROBLEM));
        let refused = |part: &str| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32))
        };
        named && !parts.any(refused)
    })
}

/// The path, but for an artifact's URL in it, which may hold a password.
fn instance(path: &str) -> String {
    let path = if path.starts_with("/fetch/") {
        "/fetch"
    } else {
        path
    };
    path.to_owned()
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-request-id")?
        .to_str()
        .ok()
        .map(str::to_owned)
}
