//! The shapes of an answer: JSON, metrics text, nothing, and the head alone.

use artifact_cache_layers::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use serde::Serialize;

use super::ApiError;

/// Version of the text exposition format that scrapers negotiate by.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A JSON document. State of this moment, so no cache between here and the client may keep it.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response<Body>, ApiError> {
    let text = serde_json::to_vec(value).map_err(|error| ApiError::Internal(error.into()))?;
    let mut response = typed("application/json", text.into());
    *response.status_mut() = status;
    Ok(response)
}

/// Every metric as text.
pub(super) fn metrics(text: String) -> Response<Body> {
    typed(EXPOSITION, text.into())
}

/// A body of a media type, with the fields every local answer has.
pub(super) fn typed(media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// 204: done, nothing to say.
pub(super) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The same head without the body, as HEAD asks (RFC 9110 §9.3.2).
pub(super) fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = response.body().size_hint().exact();
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}
