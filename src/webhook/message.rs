//! A message as a request: its fields, and the signature by which a receiver knows that it is ours and of
//! now. The signature is the HMAC-SHA256 of `<timestamp>.<body>` in hex (RFC 2104), so that an old message
//! cannot be sent again with a new time.

use std::{fmt::Write as _, time::SystemTime};

use artifact_cache_layers::{
    body::Body,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};
use aws_lc_rs::hmac;
use http::{HeaderName, HeaderValue, Method, Request, header};

use crate::artifact::model::notice::Announcement;

const EVENT: HeaderName = HeaderName::from_static("x-artifact-cache-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-artifact-cache-delivery");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-artifact-cache-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-artifact-cache-signature");

/// The request that brings `announcement` to `uri`, signed for `now`.
pub(super) fn request(
    announcement: &Announcement,
    uri: &TargetUri,
    key: &hmac::Key,
    now: SystemTime,
) -> Request<Body> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let timestamp = since.unwrap_or_default().as_secs().to_string();
    let signature = sign(key, &timestamp, &announcement.body);
    let mut request = Request::new(Body::from(announcement.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.to_uri();
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    for (name, value) in [
        (EVENT, announcement.event.as_str()),
        (DELIVERY, &announcement.id),
        (TIMESTAMP, &timestamp),
        (SIGNATURE, &signature),
    ] {
        // Digits, hex and words of ours: always a field value.
        let value = HeaderValue::from_str(value).ok();
        request
            .headers_mut()
            .extend(value.map(|value| (name, value)));
    }
    request.extensions_mut().insert(Target {
        uri: uri.clone(),
        mode: Mode::Internal,
        expect: None,
        delivery: Delivery::Stream,
        signed: None,
    });
    request
}

fn sign(key: &hmac::Key, timestamp: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{timestamp}.{body}").as_bytes());
    let mut text = String::from("sha256=");
    for byte in tag.as_ref() {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_covers_time_and_body() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
        assert_eq!(sign(&key, "1700000000", "{}"), EXPECTED);
        assert_ne!(sign(&key, "1700000001", "{}"), EXPECTED);
        assert_ne!(sign(&key, "1700000000", "{ }"), EXPECTED);
    }

    const EXPECTED: &str =
        "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163";
}
