//! What this cache knows of status codes (RFC 9110 §15).

use http::StatusCode;

/// Statuses whose specified caching behaviour this cache implements: "a cache has understood a
/// request method or a response status code if it recognizes it and implements all specified
/// caching-related behavior." (RFC 9111 §3)
pub(super) const fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 201 | 202 | 203 | 204 | 205 | 300..=303 | 305 | 307 | 308
            | 400..=406 | 408..=411 | 413..=415 | 417 | 421 | 422 | 426 | 500..=505
    )
}

/// Statuses that no later request may be answered with: not final; about this connection, this
/// request's precondition or range, or this client's rate; or forbidden ("MUST NOT be stored by a
/// cache", RFC 6585 §3, §4, §5, §6).
pub(super) const fn is_never_stored(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        100..=199 | 304 | 407 | 412 | 416 | 417 | 421 | 428 | 429 | 431 | 511
    )
}
