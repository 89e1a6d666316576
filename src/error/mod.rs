//! `Error`: everything that can be answered to a client instead of an artifact. Closed: what the layers
//! and the store report is mapped into it in one place, and [`crate::respond`] makes a response of it.
//!
//! `Display` is for the log; [`Error::message`] is for the client. What each code means for its reader is
//! in [`table`].

mod message;
pub mod table;
mod unavailable;

use std::time::Duration;

use artifact_cache_layers::digest::Sha256;
use http::StatusCode;

pub use unavailable::Unavailable;

pub(crate) use message::Facts;

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter that must be there is not.
    #[error("missing parameter '{parameter}'")]
    MissingParameter {
        /// Its name.
        parameter: &'static str,
    },
    /// A parameter has a value that it cannot have.
    #[error("invalid parameter '{parameter}': {reason}")]
    InvalidParameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// The same for a route whose request was understood as such (RFC 9110 §15.5.21).
    #[error("unprocessable parameter '{parameter}': {reason}")]
    UnprocessableParameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// A parameter that nobody knows, which is most often the tail of a URL that was not encoded.
    #[error("unknown parameter '{name}'")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// The resource exists, but not for this method.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods it has, as the field `Allow` lists them.
        allow: &'static str,
    },
    /// There is nothing at this path.
    #[error("not found")]
    NotFound,
    /// The artifact is not the one whose digest was demanded.
    #[error("checksum mismatch: expected {expected}, got {actual}")]
    ChecksumMismatch {
        /// The digest that was demanded.
        expected: Sha256,
        /// The digest of what the origin sent.
        actual: Sha256,
        /// The artifact.
        source_url: String,
    },
    /// The origin answered with a status that is no success.
    #[error("upstream returned status {}", status_code.as_u16())]
    UpstreamStatus {
        /// The origin's status.
        status_code: StatusCode,
        /// What the origin says is wrong, where it is a store that says so.
        explained: Option<String>,
        /// The artifact.
        source_url: String,
    },
    /// The origin broke off within the body, and again when asked for the rest.
    #[error("upstream sent {received} bytes and broke off")]
    UpstreamTruncated {
        /// The artifact.
        source_url: String,
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced, if they were.
        expected: Option<u64>,
    },
    /// The origin's message is not framed or formed as HTTP demands.
    #[error("upstream sent an invalid response: {reason}")]
    UpstreamInvalid {
        /// The artifact.
        source_url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The artifact is larger than `storage.max_object_bytes`.
    #[error("artifact of {size} bytes exceeds the limit of {limit}")]
    ArtifactTooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The announced length, or the bytes that had arrived when the limit was passed.
        size: u64,
        /// The artifact.
        source_url: String,
    },
    /// The origin cannot be reached, or does not answer in time.
    #[error("upstream unavailable: {}", reason.word())]
    UpstreamUnavailable {
        /// The artifact.
        source_url: String,
        /// What failed.
        reason: Unavailable,
        /// When asking again may help, if that is known.
        retry_after: Option<Duration>,
    },
    /// The certificate of the origin is not one that it may show. Said to clients of the proxy; an
    /// explicit fetch is told that the origin is unavailable.
    #[error("the origin's certificate is not trusted: {reason}")]
    UpstreamUntrusted {
        /// The artifact.
        source_url: String,
        /// What is wrong with the certificate.
        reason: &'static str,
    },
    /// The origin redirects further than `upstream.max_redirects`.
    #[error("too many redirects")]
    TooManyRedirects {
        /// The artifact.
        source_url: String,
    },
    /// A rule forbids reaching this target.
    #[error("denied by {rule}: {what}")]
    PolicyDenied {
        /// The rule, as the setting it comes from.
        rule: String,
        /// What it forbids: a host, an address, a port.
        what: String,
    },
    /// No token, or one that is not valid, at one of our own routes.
    #[error("unauthorized: {reason}")]
    Unauthorized {
        /// What is missing or wrong.
        reason: &'static str,
    },
    /// The same at the forward proxy (RFC 9110 §15.5.8).
    #[error("unauthorized at the proxy: {reason}")]
    ProxyUnauthorized {
        /// What is missing or wrong.
        reason: &'static str,
    },
    /// The client is known, and this is not for it.
    #[error("forbidden: {reason}")]
    Forbidden {
        /// What it lacks.
        reason: String,
    },
    /// The client asks too often, or the origin said that we do.
    #[error("too many requests")]
    RateLimited {
        /// Who is asked too often: the setting, or the origin.
        reason: &'static str,
        /// When asking again may help.
        retry_after: Duration,
    },
    /// No key of the registry, or not one of ours.
    #[error("not let in: {detail}")]
    InvalidKey {
        /// What is wrong, for the client.
        detail: &'static str,
    },
    /// The route needs a key, and the configuration has none.
    #[error("no keys are configured")]
    NotConfigured {
        /// What is to be configured.
        detail: &'static str,
    },
    /// The resource is not in the state that the client demanded (RFC 9110 §13).
    #[error("precondition failed: {message}")]
    PreconditionFailed {
        /// What was demanded.
        message: String,
    },
    /// A part of a request is longer than its route takes.
    #[error("{what} of more than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
        /// What is too long, for the client.
        what: &'static str,
    },
    /// `Cache-Control: only-if-cached`, and it is not.
    #[error("not stored, and the client wants nothing from the origin")]
    OnlyIfCached,
    /// More requests at once than the cache serves.
    #[error("overloaded")]
    Overloaded {
        /// When asking again may help.
        retry_after: Duration,
    },
    /// The request is not HTTP as it must be. The connection cannot be trusted any more.
    #[error("bad request: {reason}")]
    BadRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// The request came through a tunnel to another host than it names (RFC 9110 §7.4).
    #[error("misdirected request: {reason}")]
    Misdirected {
        /// Which tunnel it was.
        reason: String,
    },
    /// The request target is longer than `server.max_target`.
    #[error("request target too long")]
    UriTooLong,
    /// The request head is larger than `server.max_head`.
    #[error("request head too large")]
    HeadersTooLarge,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    #[error("unknown expectation")]
    ExpectationFailed,
    /// The request has been here before.
    #[error("request loop")]
    LoopDetected,
    /// A forward-proxy request, but `proxy.enabled` is off.
    #[error("the forward proxy is switched off")]
    ProxyDisabled,
    /// What a client sent cannot be used; the text is for it.
    #[error("invalid input: {message}")]
    InvalidInput {
        /// What is wrong, in the words that its clients know.
        message: String,
    },
    /// A document that was understood as such has wrong fields (RFC 9110 §15.5.21).
    #[error("{} invalid fields", problems.len())]
    InvalidFields {
        /// One object for each: `type`, `loc`, `msg`, `input`.
        problems: Vec<serde_json::Value>,
    },
    /// What a path or a document names does not exist; the text is for the client.
    #[error("not there: {message}")]
    Absent {
        /// What does not exist.
        message: String,
    },
    /// Nothing was recorded under a name.
    #[error("no artifact pointer")]
    PointerNotFound,
    /// What is there contradicts the request; the text is for the client.
    #[error("conflict: {message}")]
    Conflict {
        /// What contradicts it.
        message: String,
    },
    /// An upload has another digest than was announced.
    #[error("{algorithm} mismatch: expected {expected}, got {actual}")]
    DigestMismatch {
        /// The digest's algorithm.
        algorithm: &'static str,
        /// As announced, in hex.
        expected: String,
        /// Of the bytes, in hex.
        actual: String,
    },
    /// A request body is larger than allowed.
    #[error("request body exceeds {limit} bytes")]
    PayloadTooLarge {
        /// Most bytes allowed.
        limit: u64,
    },
    /// No byte of the representation is selected, or the selection cannot be read.
    #[error("range not satisfiable in {length} bytes")]
    RangeNotSatisfiable {
        /// Length of the representation in bytes.
        length: u64,
    },
    /// There is no room for what must be stored.
    #[error("insufficient storage")]
    InsufficientStorage,
    /// The store could not keep what arrived.
    #[error("failed to write to the store: {details}")]
    StorageFailed {
        /// What failed, for the log; the client sees it without paths.
        details: String,
    },
    /// A fault of the cache itself.
    #[error("internal error: {details}")]
    Internal {
        /// What failed, for the log; the client sees it without paths.
        details: String,
    },
}

impl Error {
    /// A fault of the cache itself; the last cause says what really happened.
    #[must_use]
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut last = error;
        while let Some(source) = last.source() {
            last = source;
        }
        let details = last.to_string();
        Self::Internal { details }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.entry().status
    }

    /// When asking again may help, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } | Self::RateLimited { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::UpstreamUnavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the connection must not be used again: where its next request begins is not certain.
    #[must_use]
    pub const fn closes_connection(&self) -> bool {
        matches!(
            self,
            Self::BadRequest { .. }
                | Self::UriTooLong
                | Self::HeadersTooLarge
                | Self::ExpectationFailed
        )
    }

    /// The error type of `Proxy-Status` (RFC 9209 §2.3).
    #[must_use]
    pub fn proxy_error(&self) -> &'static str {
        match self {
            Self::UpstreamUnavailable { reason, .. } => match reason {
                Unavailable::Dns => "dns_error",
                Unavailable::Connect => "connection_refused",
                Unavailable::Tls => "tls_protocol_error",
                Unavailable::ConnectTimeout => "connection_timeout",
                Unavailable::Timeout => "http_response_timeout",
                Unavailable::Reset => "connection_terminated",
                Unavailable::CircuitOpen | Unavailable::Offline | Unavailable::Sealed => {
                    "destination_unavailable"
                }
            },
            Self::PolicyDenied { rule, .. } if !NAMES.contains(&rule.as_str()) => {
                "destination_ip_prohibited"
            }
            _ => self.entry().proxy_error,
        }
    }
}

/// Rules about what a target is called; all others are about the address that it leads to.
const NAMES: [&str; 6] = [
    "scheme",
    "host",
    "allow_ports",
    "allow_hosts",
    "deny_hosts",
    "buckets",
];
