//! Preconditions of received requests (RFC 9110 §13, RFC 9111 §4.3.2).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::{entity_tag, http_date, list};

/// What a conditional request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The response itself.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// The outcome of the preconditions of `request` for a response with `status` and `fields`, in the
/// order of RFC 9110 §13.2.2. `Range` and `If-Range` come after it: see `range::select`.
///
/// `If-Match` and `If-Unmodified-Since` are evaluated too, for the doors where this program is the
/// server; a proxy first asks [`must_forward_precondition`].
#[must_use]
pub fn precondition(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    fields: &HeaderMap,
) -> Precondition {
    // "A server MUST ignore all received preconditions if its response to the same request without
    // those conditions […] would have been a status code other than a 2xx (Successful) or 412"
    // (§13.2.1)
    if !status.is_success() {
        return Precondition::Proceed;
    }
    if is_overtaken(request, fields) {
        return Precondition::Failed;
    }
    let reads = method == Method::GET || method == Method::HEAD;
    match (is_known(request, fields, reads), reads) {
        (false, _) => Precondition::Proceed,
        (true, true) => Precondition::NotModified,
        (true, false) => Precondition::Failed,
    }
}

/// Whether the request carries a precondition that is not the cache's to evaluate: "the If-Match and
/// If-Unmodified-Since conditional header fields are not applicable to a cache" (RFC 9111 §4.3.2).
#[must_use]
pub fn must_forward_precondition(request: &HeaderMap) -> bool {
    request.contains_key(header::IF_MATCH) || request.contains_key(header::IF_UNMODIFIED_SINCE)
}

/// Whether `If-Match` or, without it, `If-Unmodified-Since` is false.
fn is_overtaken(request: &HeaderMap, fields: &HeaderMap) -> bool {
    if request.contains_key(header::IF_MATCH) {
        return !any_tag(
            request,
            header::IF_MATCH,
            fields,
            entity_tag::matches_strongly,
        );
    }
    let modified = date(fields, &header::LAST_MODIFIED);
    let since = only_date(request, &header::IF_UNMODIFIED_SINCE);
    modified
        .zip(since)
        .is_some_and(|(modified, since)| modified > since)
}

/// Whether the client has this representation: `If-None-Match` or, without it, `If-Modified-Since`
/// says so. "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header
/// field" and "if […] the request method is neither GET nor HEAD" (RFC 9110 §13.1.3).
fn is_known(request: &HeaderMap, fields: &HeaderMap, reads: bool) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return any_tag(
            request,
            header::IF_NONE_MATCH,
            fields,
            entity_tag::matches_weakly,
        );
    }
    // "If […] the Last-Modified header field is not present in a selected stored response, a cache
    // SHOULD use the stored response's Date field value […] to evaluate the conditional."
    // (RFC 9111 §4.3.2)
    let since = only_date(request, &header::IF_MODIFIED_SINCE).filter(|_| reads);
    let modified = date(fields, &header::LAST_MODIFIED).or_else(|| date(fields, &header::DATE));
    modified
        .zip(since)
        .is_some_and(|(modified, since)| modified <= since)
}

/// Whether the field lists the entity tag among `fields`, or is `*`: any representation.
fn any_tag(
    request: &HeaderMap,
    condition: HeaderName,
    fields: &HeaderMap,
    equivalent: fn(&[u8], &[u8]) -> bool,
) -> bool {
    let current = fields.get(header::ETAG);
    let mut lines = request.get_all(condition).into_iter();
    lines.any(|line| {
        list::trim(line.as_bytes()) == b"*"
            || current.is_some_and(|current| {
                list::entity_tags(line.as_bytes()).any(|tag| equivalent(tag, current.as_bytes()))
            })
    })
}

fn date(fields: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    http_date::parse_undated(fields.get(name)?.as_bytes())
}

/// "A recipient MUST ignore the If-Modified-Since header field if the received field value is not a
/// valid HTTP-date, the field value has more than one member" (RFC 9110 §13.1.3).
fn only_date(fields: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = fields.get_all(name).into_iter();
    let date = date(fields, name);
    lines.nth(1).map_or(date, |_| None)
}
