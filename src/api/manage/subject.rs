//! What a question or a pin is about: bytes, or a URL.

use artifact_cache_layers::{
    body::BoxError,
    digest::Sha256,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use url::form_urlencoded;

use super::{ApiError, invalid};
use crate::catalog::PinOf;

/// Bytes, or a URL.
pub(super) enum Subject {
    Blob(Sha256),
    Url(TargetUri),
}

impl Subject {
    /// Out of two fields of which exactly one is given.
    pub(super) fn of(url: Option<&str>, sha256: Option<&str>) -> Result<Self, BoxError> {
        match (url, sha256) {
            (Some(url), None) => self::url(url).map(Self::Url),
            (None, Some(digest)) => self::digest(digest).map(Self::Blob),
            _ => Err(invalid("url", "give either url or sha256")),
        }
    }

    /// The subject of a query that names nothing else.
    pub(super) fn of_query(query: &str) -> Result<Self, BoxError> {
        let (mut url, mut sha256) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "url" => url = Some(value),
                "sha256" => sha256 = Some(value),
                _ => return Err(ApiError::UnknownParameter(name.into_owned()).into()),
            }
        }
        Self::of(url.as_deref(), sha256.as_deref())
    }

    pub(super) fn pin(&self) -> PinOf {
        match self {
            Self::Blob(digest) => PinOf::Blob(*digest),
            Self::Url(uri) => PinOf::Url(CacheKey::of(uri)),
        }
    }
}

/// A URL that can be stored.
pub(super) fn url(text: &str) -> Result<TargetUri, BoxError> {
    let uri = text.parse::<TargetUri>();
    uri.map_err(|_| invalid("url", "must be an absolute http or https URL"))
}

pub(super) fn digest(text: &str) -> Result<Sha256, BoxError> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.parse()
        .map_err(|_| invalid("sha256", "must be 64 hex characters"))
}
