//! What keeps other pages away from these: fields of the response that no browser may ignore, and checks
//! of the request that no other page can pass.
//!
//! Artifacts are served from the same host; `api::browser` sees to it that a script in one does not share
//! our origin. Should one do so all the same, a window of its own it cannot read
//! (`Cross-Origin-Opener-Policy`), a frame it cannot make (`frame-ancestors`), and what a script loads by
//! itself is refused (`Sec-Fetch-Dest`); without reading a page nobody has its seal.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header, request::Parts};

use super::{
    form::Form,
    refusal::Refusal,
    visit::{Visit, text},
};
use crate::access::Gate;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const FIELDS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With no-referrer, browsers would send forms with `Origin: null`.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// The response with what keeps others out of the page.
pub(super) fn fields(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in FIELDS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Refuses what no person asked for: a page that a script loads or that another page embeds, and a form
/// that another site sends (<https://www.w3.org/TR/fetch-metadata/>).
pub(super) fn check(head: &Parts) -> Result<(), Refusal> {
    let says = |name| text(&head.headers, name);
    if says("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return Err(foreign());
    }
    if matches!(head.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    // Where the browser says it, that decides: a proxy before us may have changed `Host`.
    let is_foreign = match says("sec-fetch-site") {
        Some(site) => site != "same-origin",
        None => says("origin").is_some_and(|origin| !is_own(origin, &head.headers)),
    };
    if is_foreign {
        return Err(foreign());
    }
    Ok(())
}

/// Whether an origin is the one by which we were called.
fn is_own(origin: &str, fields: &HeaderMap) -> bool {
    let host = text(fields, header::HOST.as_str()).unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Refuses a form that was not made for this visitor.
pub(super) fn check_seal(gate: &Gate, visit: &Visit, form: &Form) -> Result<(), Refusal> {
    if gate.sessions().is_sealed(&visit.cookie, form.text("seal")) {
        return Ok(());
    }
    let text = "This form is out of date. Open the page again and send it once more.";
    Err(Refusal::Forbidden(text.to_owned()))
}

fn foreign() -> Refusal {
    Refusal::Forbidden("This request comes from another page.".to_owned())
}
