//! What the layers and the stores report, as an [`Error`]: the one place that knows both.

use std::{error::Error as StdError, time::Duration};

use artifact_cache_layers::{
    cache::{NotFetched, OnlyIfCached, Unanswered},
    cause::cause_of,
    collapse::LeaderGone,
    egress::{Denied, DeniedRequest},
    failure::{Incomplete, Mismatch, TooLarge},
    limit::Overloaded,
    rescue::Panicked,
    target::InvalidTarget,
    validate::InvalidRequest,
};

use crate::{
    api::ApiError,
    artifact::check::Damaged,
    catalog::CatalogError,
    error::{Error, Unavailable},
    s3::{NoStore, credentials::NoKeys},
    upstream::{BadRedirect, Reason, UpstreamFailure},
};

/// When an overloaded cache may be asked again.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

type Chain<'a> = &'a (dyn StdError + 'static);

/// The error that a chain of causes amounts to.
pub(super) fn classify(chain: Chain<'_>) -> Error {
    let source_url = source_url(chain).unwrap_or_default();
    own(chain)
        .or_else(|| refused(chain))
        .or_else(|| of_artifact(chain, &source_url))
        .or_else(|| of_upstream(chain, source_url))
        .unwrap_or_else(|| Error::internal(chain))
}

/// What was asked for, when the request got that far.
pub(super) fn source_url(chain: Chain<'_>) -> Option<String> {
    let denied = || Some(&cause_of::<DeniedRequest>(chain)?.uri);
    let unanswered = cause_of::<Unanswered>(chain).map(|unanswered| &unanswered.uri);
    unanswered.or_else(denied).map(ToString::to_string)
}

/// What is an [`Error`] already, or all but.
fn own(chain: Chain<'_>) -> Option<Error> {
    if let Some(error) = cause_of::<Error>(chain) {
        return Some(error.clone());
    }
    if let Some(CatalogError::InProduction(digest)) = cause_of(chain) {
        let message = format!("Artifact {digest} is in production; demote its model first");
        return Some(Error::Conflict { message });
    }
    Some(match cause_of::<ApiError>(chain)? {
        ApiError::NoRoute | ApiError::NoArtifact(_) => Error::NotFound,
        ApiError::MethodNotAllowed(allow) => Error::MethodNotAllowed { allow },
        ApiError::UnknownParameter(name) => Error::UnknownParameter { name: name.clone() },
        ApiError::InvalidParameter { parameter, reason } => Error::UnprocessableParameter {
            parameter,
            reason: (*reason).to_owned(),
        },
        ApiError::Internal(source) => Error::internal(&**source),
    })
}

/// What was refused before anything was looked up.
fn refused(chain: Chain<'_>) -> Option<Error> {
    if let Some(invalid) = cause_of::<InvalidTarget>(chain) {
        return Some(invalid_target(invalid));
    }
    if let Some(invalid) = cause_of::<InvalidRequest>(chain) {
        return Some(invalid_request(invalid));
    }
    if let Some(denied) = cause_of::<Denied>(chain) {
        return Some(Error::PolicyDenied {
            rule: denied.rule.to_owned(),
            what: denied.what.clone(),
        });
    }
    if let Some(no_store) = cause_of::<NoStore>(chain) {
        return Some(Error::PolicyDenied {
            rule: "buckets".into(),
            what: no_store.to_string(),
        });
    }
    if cause_of::<Overloaded>(chain).is_some() {
        return Some(Error::Overloaded {
            retry_after: OVERLOAD_PAUSE,
        });
    }
    let panicked = cause_of::<Panicked>(chain)?;
    Some(Error::Internal {
        details: panicked.to_string(),
    })
}

fn invalid_target(invalid: &InvalidTarget) -> Error {
    match invalid {
        InvalidTarget::MissingParameter { parameter } => Error::MissingParameter { parameter },
        InvalidTarget::UnknownParameter { parameter } => Error::UnknownParameter {
            name: parameter.clone(),
        },
        InvalidTarget::InvalidParameter { parameter, fault } => Error::InvalidParameter {
            parameter,
            reason: fault.to_string(),
        },
        InvalidTarget::UnknownMirror => Error::NotFound,
        InvalidTarget::MethodNotAllowed { allow } => Error::MethodNotAllowed { allow },
        misdirected @ InvalidTarget::Misdirected { .. } => Error::Misdirected {
            reason: misdirected.to_string(),
        },
        other => Error::BadRequest {
            reason: other.to_string(),
        },
    }
}

fn invalid_request(invalid: &InvalidRequest) -> Error {
    match invalid {
        InvalidRequest::TargetTooLong { .. } => Error::UriTooLong,
        InvalidRequest::HeadTooLarge { .. } | InvalidRequest::TooManyFields { .. } => {
            Error::HeadersTooLarge
        }
        InvalidRequest::Loop { .. } => Error::LoopDetected,
        InvalidRequest::Trace => Error::MethodNotAllowed {
            allow: InvalidRequest::ALLOW,
        },
        InvalidRequest::Expectation => Error::ExpectationFailed,
        other => Error::BadRequest {
            reason: other.to_string(),
        },
    }
}

/// What is wrong with the artifact.
fn of_artifact(chain: Chain<'_>, source_url: &str) -> Option<Error> {
    let source_url = source_url.to_owned();
    if let Some(&Mismatch { expected, actual }) = cause_of(chain) {
        return Some(Error::ChecksumMismatch {
            expected,
            actual,
            source_url,
        });
    }
    if let Some(damaged) = cause_of::<Damaged>(chain) {
        let reason = damaged.to_string();
        return Some(Error::UpstreamInvalid { source_url, reason });
    }
    if let Some(&TooLarge { limit, size }) = cause_of(chain) {
        return Some(Error::ArtifactTooLarge {
            limit,
            size,
            source_url,
        });
    }
    if let Some(NotFetched { status, explained }) = cause_of(chain) {
        return Some(Error::UpstreamStatus {
            status_code: *status,
            explained: explained.as_ref().map(|it| it.0.to_string()),
            source_url,
        });
    }
    if let Some(&Incomplete { received, expected }) = cause_of(chain) {
        return Some(Error::UpstreamTruncated {
            source_url,
            received,
            expected,
        });
    }
    cause_of::<OnlyIfCached>(chain).map(|_| Error::OnlyIfCached)
}

/// What went wrong on the way to the origin.
fn of_upstream(chain: Chain<'_>, source_url: String) -> Option<Error> {
    if let Some(BadRedirect::TooMany) = cause_of(chain) {
        return Some(Error::TooManyRedirects { source_url });
    }
    if cause_of::<LeaderGone>(chain).is_some() {
        let (reason, retry_after) = (Unavailable::Reset, None);
        return Some(Error::UpstreamUnavailable {
            source_url,
            reason,
            retry_after,
        });
    }
    if let Some(no_keys) = cause_of::<NoKeys>(chain) {
        // Whoever was asked for keys is no origin: what became of that is not the client's to read as one.
        return Some(Error::internal(no_keys));
    }
    let failure = cause_of::<UpstreamFailure>(chain)?;
    if failure.reason == Reason::Throttled {
        return Some(throttled(failure));
    }
    if failure.reason == Reason::Invalid {
        return Some(invalid(failure, source_url));
    }
    let reason = match failure.reason {
        Reason::Dns => Unavailable::Dns,
        Reason::Connect => Unavailable::Connect,
        Reason::Tls => Unavailable::Tls,
        Reason::ConnectTimeout => Unavailable::ConnectTimeout,
        Reason::Timeout => Unavailable::Timeout,
        Reason::CircuitOpen => Unavailable::CircuitOpen,
        Reason::Offline => Unavailable::Offline,
        Reason::Sealed => Unavailable::Sealed,
        _ => Unavailable::Reset,
    };
    Some(Error::UpstreamUnavailable {
        source_url,
        reason,
        retry_after: failure.retry_after,
    })
}

fn invalid(failure: &UpstreamFailure, source_url: String) -> Error {
    let source = failure.source.as_deref();
    let reason = source.map_or_else(String::new, ToString::to_string);
    Error::UpstreamInvalid { source_url, reason }
}

fn throttled(failure: &UpstreamFailure) -> Error {
    Error::RateLimited {
        reason: "the origin is asked as often as it or `upstream.requests_per_second` allows",
        retry_after: failure.retry_after.unwrap_or(OVERLOAD_PAUSE),
    }
}
