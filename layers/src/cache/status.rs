//! The fields by which a cache says what it did: `Cache-Status` (RFC 9211), `Age` (RFC 9111 §5.1) and,
//! at the explicit door, `X-Cache-Status`, `X-Content-SHA256` and what goes with them.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::{
    digest::Sha256,
    extensions::Served,
    semantics::{
        cache_status::{CACHE_STATUS, CacheStatus},
        target_uri::TargetUri,
    },
};

pub(super) const X_CACHE_STATUS: HeaderName = HeaderName::from_static("x-cache-status");
pub(super) const X_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-content-sha256");
const X_UPSTREAM_ETAG: HeaderName = HeaderName::from_static("x-upstream-etag");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Fields of our own that a "not modified" carries as well.
pub(super) const OWN_FIELDS: [HeaderName; 4] =
    [CACHE_STATUS, X_CACHE_STATUS, X_CONTENT_SHA256, header::AGE];

/// Says how a response was made.
pub(super) fn describe<B>(
    response: &mut Response<B>,
    name: &str,
    status: &CacheStatus,
    served: Served,
) {
    status.append_to(response.headers_mut(), name);
    response.extensions_mut().insert(served);
}

/// Sets `Age`, in whole seconds.
pub(super) fn set_age(fields: &mut HeaderMap, age: Duration) {
    fields.insert(header::AGE, age.as_secs().into());
}

/// Fields that speak about the origin's site, not about the artifact; from our own door they would be
/// taken as speaking about us.
const SITE_FIELDS: [HeaderName; 6] = [
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
];

/// The fields of an explicit answer: the origin's, with our own validator and the digest when known.
pub(super) fn archive_fields(
    origin: &HeaderMap,
    uri: &TargetUri,
    digest: Option<Sha256>,
    media_type: fn(&TargetUri) -> HeaderValue,
) -> HeaderMap {
    let mut fields = origin.clone();
    for name in &SITE_FIELDS {
        fields.remove(name);
    }
    fields.remove(header::AGE);
    if let Some(etag) = fields.remove(header::ETAG) {
        fields.insert(X_UPSTREAM_ETAG, etag);
    }
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !fields.contains_key(header::CONTENT_TYPE) {
        fields.insert(header::CONTENT_TYPE, media_type(uri));
    }
    if !fields.contains_key(header::CONTENT_DISPOSITION) {
        fields.insert(header::CONTENT_DISPOSITION, disposition(uri));
    }
    if let Some(digest) = digest {
        digest_fields(&mut fields, &digest);
    }
    fields
}

fn digest_fields(fields: &mut HeaderMap, digest: &Sha256) {
    let texts = [
        (X_CONTENT_SHA256, digest.to_string()),
        (REPR_DIGEST, digest.structured_field()),
        (header::ETAG, format!("\"sha256:{digest}\"")),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            fields.insert(name, value);
        }
    }
}

/// `attachment` with the file's name (RFC 6266), so that a client that saves into a directory does not
/// call the file after our path.
fn disposition(uri: &TargetUri) -> HeaderValue {
    let attachment = HeaderValue::from_static("attachment");
    let Some(name) = uri.file_name() else {
        return attachment;
    };
    let plain = name
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
    let value = if plain {
        format!("attachment; filename=\"{name}\"")
    } else {
        format!("attachment; filename*=UTF-8''{}", extended(&name))
    };
    HeaderValue::try_from(value).unwrap_or(attachment)
}

/// An extended field parameter value (RFC 8187 §3.2.1).
fn extended(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
