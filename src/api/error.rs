//! [`ApiError`]: everything a local route refuses, with the status and the machine code it is
//! reported under. The response itself is written elsewhere, in the one place that writes errors.

use artifact_cache_layers::body::BoxError;
use http::StatusCode;

/// Why a local route gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No route has this path.
    #[error("no such path; GET / lists what there is")]
    NoRoute,
    /// The route has other methods; the value of `Allow` names them.
    #[error("this path answers {0}")]
    MethodNotAllowed(&'static str),
    /// No artifact has this number.
    #[error("there is no artifact {0}")]
    NoArtifact(String),
    /// A query parameter that this route does not know. Ignoring it would widen a filter.
    #[error("unknown query parameter '{0}'")]
    UnknownParameter(String),
    /// A query parameter with a value that is out of range or malformed.
    #[error("'{parameter}' {reason}")]
    InvalidParameter {
        /// The parameter's name.
        parameter: &'static str,
        /// What is expected instead.
        reason: &'static str,
    },
    /// The store or the catalog failed.
    #[error("the catalog could not be read or written")]
    Internal(#[source] BoxError),
}

impl ApiError {
    /// The status it is reported with.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute | Self::NoArtifact(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownParameter(_) => StatusCode::BAD_REQUEST,
            Self::InvalidParameter { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The machine code, as the field `error` of the body has it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::NoArtifact(_) => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::UnknownParameter(_) => "unknown_parameter",
            Self::InvalidParameter { .. } => "invalid_parameter",
            Self::Internal(_) => "internal_error",
        }
    }

    /// The query parameter that is at fault.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::UnknownParameter(name) => Some(name),
            Self::InvalidParameter { parameter, .. } => Some(parameter),
            _ => None,
        }
    }

    /// The value of `Allow`, for a wrong method.
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed(methods) => Some(methods),
            _ => None,
        }
    }
}
