//! The body of a request: read whole, no longer than its route takes, and parsed as JSON.

use artifact_cache_layers::body::Body;
use bytes::BytesMut;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::form::fault;
use crate::error::Error;

/// Reads a body of at most `limit` bytes.
pub(super) async fn json(fields: HeaderMap, body: Body, limit: u64) -> Result<Value, Error> {
    let text = read(&fields, body, limit).await?;
    if text.is_empty() {
        return Err(invalid("missing", "Field required", Value::Null));
    }
    if !is_json(&fields) {
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(invalid(
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
            text.into(),
        ));
    }
    serde_json::from_slice(&text).map_err(|error| {
        let problem = json!({
            "type": "json_invalid",
            "loc": ["body", error.column()],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.to_string()},
        });
        Error::InvalidFields {
            problems: vec![problem],
        }
    })
}

async fn read(fields: &HeaderMap, mut body: Body, limit: u64) -> Result<BytesMut, Error> {
    let too_large = || Error::TooLong {
        limit,
        what: "Request body",
    };
    let announced = fields.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut text = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::BadRequest {
            reason: error.to_string(),
        })?;
        if let Ok(data) = frame.into_data() {
            if (text.len() + data.len()) as u64 > limit {
                return Err(too_large());
            }
            text.extend_from_slice(&data);
        }
    }
    Ok(text)
}

/// Whether the body says that it is JSON, or says nothing.
fn is_json(fields: &HeaderMap) -> bool {
    let Some(value) = fields.get(header::CONTENT_TYPE) else {
        return true;
    };
    let named = value.to_str().unwrap_or_default();
    let media_type = named.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn invalid(kind: &'static str, message: &'static str, input: Value) -> Error {
    fault(kind, message).error(&["body"], input)
}
