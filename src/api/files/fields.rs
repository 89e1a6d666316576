//! The fields of uploads in parts, as structured fields (RFC 9651): integers and booleans.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use super::{digests::Announced, invalid};
use crate::error::Error;

/// Whether the upload ends with this request.
pub(super) const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
/// Where this part begins, or how much is there.
pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Length of the whole.
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// What a part of an upload is (draft-ietf-httpbis-resumable-upload §4.4).
const MEDIA_TYPE: &str = "application/partial-upload";

/// Offset and whether it is the last of a request that appends.
pub(super) fn part(fields: &HeaderMap) -> Result<(u64, bool), Error> {
    let kind = fields.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| !kind.as_bytes().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())) {
        return Err(invalid(format!(
            "a part of an upload has the media type {MEDIA_TYPE}"
        )));
    }
    let offset = number(fields, &OFFSET)?;
    let is_last = switch(fields, &COMPLETE)?;
    match (offset, is_last) {
        (Some(offset), Some(is_last)) => Ok((offset, is_last)),
        (None, _) => Err(invalid("Upload-Offset is missing")),
        (_, None) => Err(invalid("Upload-Complete is missing")),
    }
}

/// Whether a request begins an upload in parts: `Upload-Complete: ?0`. With `?1` it is an upload like any.
pub(super) fn begins_parts(fields: &HeaderMap) -> Result<bool, Error> {
    Ok(switch(fields, &COMPLETE)? == Some(false))
}

/// An integer, at most 15 digits (RFC 9651 §3.3.1).
pub(super) fn number(fields: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Error> {
    let parse = |text: &str| {
        let is_number = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    one(fields, name, parse, "a whole number")
}

fn switch(fields: &HeaderMap, name: &HeaderName) -> Result<Option<bool>, Error> {
    let parse = |text: &str| match text {
        "?0" => Some(false),
        "?1" => Some(true),
        _ => None,
    };
    one(fields, name, parse, "?0 or ?1")
}

fn one<T>(
    fields: &HeaderMap,
    name: &HeaderName,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, Error> {
    let mut lines = fields.get_all(name).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let text = line.to_str().ok().filter(|_| lines.next().is_none());
    let value = text.and_then(|text| parse(text.trim()));
    value
        .map(Some)
        .ok_or_else(|| invalid(format!("{name} must be {what}")))
}

/// The digests that a part announces. Those of the whole are judged with the last one; those of the part
/// alone are refused, since a check that was asked for and not made would be a false promise.
pub(super) fn announced(
    fields: &HeaderMap,
    is_last: bool,
    sha256: Option<&str>,
) -> Result<Announced, Error> {
    if !is_last {
        refuse_digests(fields)?;
        return Ok(Announced::default());
    }
    let of_whole = |name: &&HeaderName| name.as_str() == "repr-digest";
    let mut others = fields.clone();
    let _ = others.remove("repr-digest");
    refuse_digests(&others)?;
    let named = fields.keys().filter(of_whole);
    let values = named.flat_map(|name| fields.get_all(name).iter().map(move |value| (name, value)));
    let whole = values.map(|(name, value)| (name.clone(), value.clone()));
    Announced::of_request(&whole.collect(), sha256, false)
}

/// Refuses digests of a part.
pub(super) fn refuse_digests(fields: &HeaderMap) -> Result<(), Error> {
    let announced = Announced::of_request(fields, None, false)?;
    if announced.is_empty() {
        return Ok(());
    }
    Err(invalid(
        "a part of an upload has no digest; say Repr-Digest with the last part, or sha256 in the query",
    ))
}

/// Sets a field whose value is ours.
pub(super) fn put(response: &mut Response<Body>, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}
