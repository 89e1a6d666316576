//! What each error is to its reader: machine code, status, `Proxy-Status` type, title and next action.

use http::StatusCode;

use super::Error;

/// One kind of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The machine code, in snake case. In capitals it is the `code` of the file routes.
    pub error: &'static str,
    /// The status of the response.
    pub status: StatusCode,
    /// The error type of `Proxy-Status` (RFC 9209 §2.3), unless the reason is more exact.
    pub proxy_error: &'static str,
    /// What happened, the same for every occurrence.
    pub title: &'static str,
    /// What its reader does next.
    pub next_action: &'static str,
}

macro_rules! table {
    ($($variant:ident: $error:literal, $status:ident, $proxy_error:literal, $title:literal, $next_action:literal;)+) => {
        /// Every kind of error, in the order of the documentation.
        pub static TABLE: &[Entry] = &[$(Entry {
            error: $error,
            status: StatusCode::$status,
            proxy_error: $proxy_error,
            title: $title,
            next_action: $next_action,
        },)+];

        enum Position { $($variant,)+ }

        impl Error {
            /// Its kind.
            #[must_use]
            pub fn entry(&self) -> &'static Entry {
                let position = match self { $(Self::$variant { .. } => Position::$variant,)+ };
                &TABLE[position as usize]
            }
        }
    };
}

table! {
    MissingParameter: "missing_parameter", BAD_REQUEST, "http_request_error",
        "A required parameter is missing", "Client: add the parameter named in `parameter`.";
    InvalidParameter: "invalid_parameter", BAD_REQUEST, "http_request_error",
        "A parameter is invalid", "Client: correct the parameter as `reason` says.";
    UnprocessableParameter: "invalid_parameter", UNPROCESSABLE_ENTITY, "http_request_error",
        "A parameter is invalid", "Client: correct the parameter as `reason` says.";
    UnknownParameter: "unknown_parameter", BAD_REQUEST, "http_request_error",
        "A parameter is unknown", "Client: percent-encode the value of `url`, or use the path form `/fetch/https/host/path?query`.";
    BadRequest: "bad_request", BAD_REQUEST, "http_request_error",
        "The request is malformed", "Client: send HTTP/1.1 as RFC 9112 defines it. Operator: look for a broken proxy in between, or an attempt to smuggle requests.";
    Unauthorized: "unauthorized", UNAUTHORIZED, "http_request_denied",
        "A valid token is needed", "Client: send a token as `X-API-Key`, as Bearer or as the password of Basic. Operator: make one with `artifact-cache token create`.";
    ProxyUnauthorized: "proxy_unauthorized", PROXY_AUTHENTICATION_REQUIRED, "http_request_denied",
        "The proxy needs a valid token", "Client: put a token into the proxy's URL as the password. Operator: make one with `artifact-cache token create`.";
    Forbidden: "forbidden", FORBIDDEN, "http_request_denied",
        "This client may not do that", "Operator: `reason` says which scope or network is missing; make a token that has it, or widen `auth.allow_networks`.";
    PolicyDenied: "policy_denied", FORBIDDEN, "http_request_denied",
        "A policy denies this target", "Operator: if the target is legitimate, allow it in the setting named in `rule`.";
    ProxyDisabled: "proxy_disabled", FORBIDDEN, "http_request_denied",
        "The forward proxy is switched off", "Client: use `/fetch`. Operator: set `proxy.enabled: true`.";
    NotFound: "not_found", NOT_FOUND, "http_request_error",
        "There is nothing at this path", "Client: check the path.";
    InvalidInput: "invalid_input", BAD_REQUEST, "http_request_error",
        "The request cannot be used", "Client: correct the request as `message` says.";
    InvalidFields: "invalid_fields", UNPROCESSABLE_ENTITY, "http_request_error",
        "The document has invalid fields", "Client: correct each field that `detail` lists.";
    Absent: "not_found", NOT_FOUND, "http_request_error",
        "What was asked for does not exist", "Client: check the name; `message` says what does not exist.";
    PointerNotFound: "data_not_found", NOT_FOUND, "http_request_error",
        "There is no artifact pointer", "Client: the run has not recorded an artifact yet; upload it and set the pointer.";
    Conflict: "conflict", CONFLICT, "http_request_error",
        "The request contradicts what is there", "Client: look at what is there; `message` says what contradicts.";
    DigestMismatch: "checksum_mismatch", CONFLICT, "http_request_error",
        "The upload has another checksum", "Client: send the bytes again; nothing was stored.";
    PayloadTooLarge: "payload_too_large", PAYLOAD_TOO_LARGE, "http_request_error",
        "The request body is too large", "Operator: raise the limit that `limit` shows if such bodies are wanted.";
    RangeNotSatisfiable: "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "http_request_error",
        "The range cannot be satisfied", "Client: ask for one range of bytes within the length that `Content-Range` names.";
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED, "http_request_error",
        "The method is not allowed here", "Client: use a method of the field `Allow`.";
    ChecksumMismatch: "checksum_mismatch", CONFLICT, "proxy_internal_response",
        "The artifact has another checksum", "Client: do not use the artifact; compare the pin with the publisher's. If the publisher replaced the file, update the pin.";
    UriTooLong: "uri_too_long", URI_TOO_LONG, "http_request_error",
        "The request target is too long", "Operator: raise `server.max_target` if such URLs are legitimate.";
    ExpectationFailed: "expectation_failed", EXPECTATION_FAILED, "http_request_error",
        "The expectation cannot be met", "Client: send no `Expect` other than `100-continue`.";
    RateLimited: "rate_limited", TOO_MANY_REQUESTS, "http_request_denied",
        "Too many requests", "Client: try again after `Retry-After`. Operator: `reason` says whose limit it is; raise `auth.requests_per_second` or `upstream.requests_per_second` if it is one of ours.";
    HeadersTooLarge: "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "http_request_error",
        "The request head is too large", "Client: send fewer or shorter fields. Operator: raise `server.max_head`.";
    StorageFailed: "internal_error", INTERNAL_SERVER_ERROR, "proxy_internal_error",
        "The cache failed", "Operator: look up `request_id` in the log; check the disk and the permissions of the data directory.";
    Internal: "internal_error", INTERNAL_SERVER_ERROR, "proxy_internal_error",
        "The cache failed", "Operator: look up `request_id` in the log and report it.";
    UpstreamStatus: "upstream_error", BAD_GATEWAY, "http_protocol_error",
        "The origin answered with an error", "Client: check the URL; the origin's status is in `status_code`.";
    UpstreamTruncated: "upstream_truncated", BAD_GATEWAY, "http_response_incomplete",
        "The origin broke off", "Client: try again; what arrived is kept and continued. Operator: check the network if it recurs.";
    UpstreamInvalid: "upstream_invalid", BAD_GATEWAY, "http_protocol_error",
        "The origin's response is invalid", "Operator: report it to the origin; `reason` says what is wrong.";
    ArtifactTooLarge: "artifact_too_large", BAD_GATEWAY, "http_response_body_size",
        "The artifact is too large", "Operator: raise `storage.max_object_bytes` if such artifacts are wanted.";
    TooManyRedirects: "too_many_redirects", BAD_GATEWAY, "http_protocol_error",
        "The origin redirects too often", "Client: use the URL where the redirects end. Operator: raise `upstream.max_redirects`.";
    UpstreamUnavailable: "upstream_unavailable", SERVICE_UNAVAILABLE, "destination_unavailable",
        "The origin is unavailable", "Client: try again after `Retry-After`. Operator: `reason` says what failed; check name resolution, the network and the origin.";
    Overloaded: "overloaded", SERVICE_UNAVAILABLE, "proxy_internal_response",
        "The cache is overloaded", "Client: try again after `Retry-After`. Operator: raise `server.max_requests` if the machine has room.";
    OnlyIfCached: "only_if_cached", GATEWAY_TIMEOUT, "proxy_internal_response",
        "The artifact is not cached", "Client: ask without `only-if-cached`.";
    InsufficientStorage: "insufficient_storage", INSUFFICIENT_STORAGE, "proxy_internal_error",
        "There is not enough storage", "Operator: free space, or lower `storage.min_free_bytes`.";
    LoopDetected: "loop_detected", LOOP_DETECTED, "proxy_loop_detected",
        "The request loops", "Operator: the cache is its own parent or origin; correct the proxy settings.";
}

/// The table as a page of Markdown shows it.
#[must_use]
pub fn markdown() -> String {
    let head = "| Status | `error` | Meaning | What to do |\n|---|---|---|---|\n";
    let rows = TABLE.iter().enumerate().filter(|(at, entry)| {
        // One code may have several causes; the first one's action covers the rest.
        TABLE[..*at]
            .iter()
            .all(|earlier| earlier.error != entry.error)
    });
    let rows = rows.map(|(_, entry)| {
        let Entry {
            error,
            title,
            next_action,
            ..
        } = entry;
        let status = entry.status.as_u16();
        format!("| {status} | `{error}` | {title} | {next_action} |\n")
    });
    std::iter::once(head.to_owned()).chain(rows).collect()
}
