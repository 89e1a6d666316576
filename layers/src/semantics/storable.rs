//! Whether a shared cache may store a response, and why not (RFC 9111 §3).

use http::{HeaderMap, Method, StatusCode, header, request, response};

use super::{
    cache_control::CacheControl, freshness, policy::Policy, status, target_uri::TargetUri,
    validation::Validators,
};
use crate::extensions::Target;

/// Whether a response may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storable {
    /// It may.
    Store,
    /// It may not.
    DoNot(NotStored),
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// The method is not one whose responses answer later requests.
    Method,
    /// `no-store` on the request or the response (§5.2.1.5, §5.2.2.5).
    NoStore,
    /// `private` for the whole response (§5.2.2.7).
    Private,
    /// The request was authorised and the response does not say that it may be shared (§3.5).
    Authorization,
    /// `Vary: *`, or a `Vary` that cannot be read, matches no later request (§4.1).
    VaryStar,
    /// It could never be reused: neither explicit nor heuristic freshness, and no validator.
    NotFresh,
    /// A status that says nothing to a later request, or one that must be understood and is not.
    Status,
    /// A part of a representation (§3.3).
    Partial,
    /// It sets a cookie and does not say that others may be given it (§7.3).
    SetCookie,
}

impl NotStored {
    /// A stable label for logs, metrics and the `detail` of `Cache-Status`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary-star",
            Self::NotFresh => "not-fresh",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::SetCookie => "set-cookie",
        }
    }
}

/// Whether a shared cache may store `response`, the answer to `request` as it was sent.
///
/// The answer to a `POST` is judged by the request's [`Target`] extension or, without it, by its URI
/// in absolute form.
#[must_use]
pub fn storable(request: &request::Parts, response: &response::Parts, policy: &Policy) -> Storable {
    let directives = CacheControl::from_fields(&response.headers);
    match obstacle(request, response, &directives, policy) {
        Some(reason) => Storable::DoNot(reason),
        None => Storable::Store,
    }
}

/// "A cache MUST NOT store a response to a request unless:" (§3), in the RFC's order.
fn obstacle(
    request: &request::Parts,
    response: &response::Parts,
    directives: &CacheControl,
    policy: &Policy,
) -> Option<NotStored> {
    // "the request method is understood by the cache;"
    if !method_allows(request, &response.headers, directives) {
        return Some(NotStored::Method);
    }
    // "the response status code is final […]; if the response status code is 206 or 304, or the
    // must-understand cache directive […] is present: the cache understands the response status code;"
    if let Some(reason) = status_obstacle(response.status, directives) {
        return Some(reason);
    }
    // "the no-store cache directive is not present in the response"
    if CacheControl::from_fields(&request.headers).no_store()
        || (directives.no_store() && !directives.must_understand())
    {
        return Some(NotStored::NoStore);
    }
    sharing_obstacle(&request.headers, directives)
        .or_else(|| cookie_obstacle(&response.headers, directives))
        .or_else(|| usefulness_obstacle(response, directives, policy))
}

fn method_allows(request: &request::Parts, fields: &HeaderMap, directives: &CacheControl) -> bool {
    match request.method {
        Method::GET => true,
        Method::POST => {
            freshness::is_explicit(directives, fields) && is_answer_of_target(request, fields)
        }
        _ => false,
    }
}

/// "Responses to POST requests are only cacheable when they include explicit freshness information
/// […] and a Content-Location header field that has the same value as the POST's target URI"
/// (RFC 9110 §9.3.3).
fn is_answer_of_target(request: &request::Parts, fields: &HeaderMap) -> bool {
    let Some(reference) = fields.get(header::CONTENT_LOCATION) else {
        return false;
    };
    let target = match request.extensions.get::<Target>() {
        Some(target) => Some(target.uri.clone()),
        None => request.uri.to_string().parse::<TargetUri>().ok(),
    };
    let answered = |target: &TargetUri| target.join(reference.to_str().ok()?).ok();
    target.is_some_and(|target| answered(&target) == Some(target))
}

/// "A cache that does not support the Range and Content-Range header fields […] MUST NOT store
/// incomplete or partial-content responses" (§3.3); ranges are served from whole responses only.
fn status_obstacle(status: StatusCode, directives: &CacheControl) -> Option<NotStored> {
    if status == StatusCode::PARTIAL_CONTENT {
        return Some(NotStored::Partial);
    }
    let is_unknown = directives.must_understand() && !status::is_understood(status);
    (status::is_never_stored(status) || is_unknown).then_some(NotStored::Status)
}

fn sharing_obstacle(request: &HeaderMap, directives: &CacheControl) -> Option<NotStored> {
    // "if the cache is shared: the private response directive is either not present or allows a shared
    // cache to store a modified response;"
    if directives.private() {
        return Some(NotStored::Private);
    }
    // "if the cache is shared: the Authorization header field is not present in the request […] or a
    // response directive is present that explicitly allows shared caching"
    if request.contains_key(header::AUTHORIZATION) && !directives.allows_sharing() {
        return Some(NotStored::Authorization);
    }
    None
}

/// A cookie is set for one client. That others may see it has to be said, by `public` or by explicit
/// freshness; a heuristic, or a rule of ours, says nothing of the kind (RFC 9111 §7.3).
fn cookie_obstacle(fields: &HeaderMap, directives: &CacheControl) -> Option<NotStored> {
    let is_permitted = directives.public() || freshness::is_explicit(directives, fields);
    (fields.contains_key(header::SET_COOKIE) && !is_permitted).then_some(NotStored::SetCookie)
}

/// "The response contains at least one of: a public response directive […]; an Expires header field
/// […]; a max-age response directive […]; if the cache is shared: an s-maxage response directive […];
/// or a status code that is defined as heuristically cacheable". Beyond that, what could neither be
/// fresh nor be validated is not worth the disk.
fn usefulness_obstacle(
    response: &response::Parts,
    directives: &CacheControl,
    policy: &Policy,
) -> Option<NotStored> {
    // "A stored response with a Vary header field value containing a member "*" always fails to
    // match." (§4.1)
    if super::cache_key::nominated_names(&response.headers).is_none() {
        return Some(NotStored::VaryStar);
    }
    let is_explicit = freshness::is_explicit(directives, &response.headers);
    let has_validator = Validators::of(&response.headers).any();
    let is_immutable = policy.is_immutable && response.status == StatusCode::OK;
    let is_usable = if is_immutable || is_explicit {
        has_validator || !directives.no_cache()
    } else {
        has_validator && freshness::may_be_heuristic(directives, response.status, policy)
    };
    (!is_usable).then_some(NotStored::NotFresh)
}
