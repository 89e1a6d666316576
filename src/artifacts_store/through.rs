//! [`ThroughCache`]: downloads through a running cache, so that what many builders want leaves the store
//! once. The cache has the keys of the store; here only its address is needed, and a token where it wants one.

use artifact_cache_layers::{
    body::Body,
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    semantics::{object_name::ObjectName, target_uri::TargetUri},
};
use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Location, StorageError, transfer::Found};
use crate::{
    config::secret::Secret,
    s3::{
        ObjectError, Refusal,
        client::{Exchange, parameter},
        head::{Check, Head},
    },
};

/// The most that is read of an error.
const MOST: usize = 16 << 10;
const SHA256: HeaderName = HeaderName::from_static("x-content-sha256");

/// A cache that is asked instead of a store.
#[derive(Clone)]
pub(super) struct ThroughCache {
    exchange: Exchange,
    base: String,
    fields: HeaderMap,
}

impl ThroughCache {
    /// The cache at `url`, asked by way of `exchange`.
    pub(super) fn new(exchange: Exchange, url: &str, token: &Secret) -> Result<Self, StorageError> {
        let base = url.trim_end_matches('/').to_owned();
        let is_http = base.starts_with("http://") || base.starts_with("https://");
        if !is_http || base.parse::<TargetUri>().is_err() {
            let text = format!("ARTIFACTS_VIA_CACHE `{url}` is no http or https URL");
            return Err(StorageError::Invalid(text));
        }
        // The digest of what is not in the cache yet is known when the last byte is.
        let te = HeaderValue::from_static("trailers");
        let mut fields = HeaderMap::from_iter([(header::TE, te)]);
        if *token != Secret::default() {
            let invalid = |_| StorageError::Invalid("ARTIFACT_CACHE_TOKEN is no token".into());
            let value = HeaderValue::from_str(token.expose()).map_err(invalid)?;
            fields.insert(HeaderName::from_static("x-api-key"), value);
        }
        Ok(Self {
            exchange,
            base,
            fields,
        })
    }

    /// An object; `None` when its store has none.
    pub(super) async fn get(&self, location: &Location) -> Result<Found, StorageError> {
        let request = self.request(location)?;
        let response = self.exchange.clone().oneshot(request).await;
        let response = response.map_err(ObjectError::Unreachable)?;
        if response.status() != StatusCode::OK {
            return refused(response).await;
        }
        let fields = response.headers();
        let text = |name: HeaderName| fields.get(name)?.to_str().ok().map(str::to_owned);
        let head = Head {
            size_bytes: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            check: digest_in(fields).map_or(Check::Length, Check::Sha256),
            etag: text(header::ETAG),
            content_type: text(header::CONTENT_TYPE),
            modified: text(header::LAST_MODIFIED),
            metadata: Vec::new(),
        };
        Ok(Some((head, response.into_body())))
    }

    fn request(&self, Location { bucket, key }: &Location) -> Result<Request<Body>, StorageError> {
        let object = TargetUri::of_object(ObjectName {
            store: None,
            bucket: bucket.clone(),
            key: key.clone(),
        });
        let invalid = |error: &dyn std::fmt::Display| StorageError::Invalid(error.to_string());
        let object = object.map_err(|error| invalid(&error))?;
        let uri = format!("{}/fetch?url={}", self.base, parameter(object.as_str()));
        let uri = uri.parse().map_err(|error| invalid(&error))?;
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = self.fields.clone();
        request.extensions_mut().insert(Target {
            uri,
            // The cache has tried again already where that helps.
            mode: Mode::Forward,
            expect: None,
            delivery: Delivery::default(),
            signed: None,
        });
        Ok(request)
    }
}

/// The digest that a cache tells, before the bytes or behind them.
pub(super) fn digest_in(fields: &HeaderMap) -> Option<Sha256> {
    fields.get(SHA256)?.to_str().ok()?.parse().ok()
}

/// What an answer without the object means.
async fn refused(response: Response<Body>) -> Result<Found, StorageError> {
    let status = response.status();
    let document = document(response.into_body()).await;
    let member = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let is_of_store = member("error") == "upstream_error";
    if is_of_store && matches!(document["status_code"].as_u64(), Some(404 | 410)) {
        return Ok(None);
    }
    let refusal = Refusal {
        status,
        code: member("error"),
        message: member("message"),
        region: None,
    };
    // Those of the cache; what is wrong with its keys for the store is not ours to mend.
    Err(match status {
        StatusCode::UNAUTHORIZED => StorageError::Credentials(refusal.words()),
        _ => StorageError::Store(refusal.into()),
    })
}

/// The beginning of an error, as JSON; null where it is none.
async fn document(mut body: Body) -> Value {
    let mut text = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
        if text.len() > MOST {
            return Value::Null;
        }
    }
    serde_json::from_slice(&text).unwrap_or_default()
}
