//! Answers with a file: whole, a range of it, or its head. The entity tag is the bare digest, because the
//! clients of these routes compare it with the one they know.

use std::ops::Range;

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::{
    artifact::file::File,
    blob::{self, Blob},
    error::Error,
};

/// The answer to a request with `fields` for a file.
pub(super) fn serve(
    method: &Method,
    fields: &HeaderMap,
    file: &File,
    blob: std::sync::Arc<Blob>,
) -> Result<Response<Body>, Error> {
    let digest = file.digest.to_string();
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), file, &digest);
    if is_known(fields, &digest) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let range = match fields.get(header::RANGE) {
        Some(_) if *method == Method::GET && if_range_holds(fields, file, &digest) => {
            Some(range(fields, file.size_bytes)?)
        }
        _ => None,
    };
    if let Some(range) = &range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let (start, end, size) = (range.start, range.end - 1, file.size_bytes);
        set(
            response.headers_mut(),
            header::CONTENT_RANGE,
            format!("bytes {start}-{end}/{size}"),
        );
    }
    let range = range.unwrap_or(0..file.size_bytes);
    let length = HeaderValue::from(range.end - range.start);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    if *method == Method::GET {
        *response.body_mut() = blob::body(blob, range);
    }
    Ok(response)
}

fn describe(fields: &mut HeaderMap, file: &File, digest: &str) {
    let fixed = |text| HeaderValue::from_static(text);
    set(fields, header::ETAG, digest.to_owned());
    set(fields, header::CONTENT_TYPE, file.content_type.clone());
    set(
        fields,
        header::LAST_MODIFIED,
        httpdate::fmt_http_date(file.created_at),
    );
    set(
        fields,
        header::HeaderName::from_static("x-content-sha256"),
        digest.to_owned(),
    );
    let repr = file.digest.structured_field();
    set(fields, header::HeaderName::from_static("repr-digest"), repr);
    fields.insert(header::ACCEPT_RANGES, fixed("bytes"));
    // Another client of a proxy in between may have no right to it.
    fields.insert(header::CACHE_CONTROL, fixed("private"));
    // Whoever uploaded it decides what it is: no browser shall run it in our name.
    fields.insert(header::CONTENT_DISPOSITION, fixed("attachment"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
}

fn set(fields: &mut HeaderMap, name: header::HeaderName, value: String) {
    // What was stored was a field's value before.
    if let Ok(value) = HeaderValue::try_from(value) {
        fields.insert(name, value);
    }
}

/// Whether `If-None-Match` names the digest, with quotes or without.
fn is_known(fields: &HeaderMap, digest: &str) -> bool {
    let values = fields.get_all(header::IF_NONE_MATCH).into_iter();
    let tags = values.filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(','))
        .any(|tag| tag.trim() == "*" || is_tag(tag, digest))
}

fn is_tag(tag: &str, digest: &str) -> bool {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    tag.strip_prefix("sha256:")
        .unwrap_or(tag)
        .eq_ignore_ascii_case(digest)
}

/// Whether a range counts: `If-Range` is absent, or names this file by its tag or its date.
fn if_range_holds(fields: &HeaderMap, file: &File, digest: &str) -> bool {
    fields.get(header::IF_RANGE).is_none_or(|value| {
        let value = value.to_str().unwrap_or_default();
        is_tag(value, digest) || value == httpdate::fmt_http_date(file.created_at)
    })
}

/// The one range asked for. Unlike elsewhere, one that cannot be read is refused, not ignored: these
/// clients resume by ranges and would append the whole.
fn range(fields: &HeaderMap, length: u64) -> Result<Range<u64>, Error> {
    let mut lines = fields.get_all(header::RANGE).into_iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    line.and_then(|line| line.to_str().ok())
        .and_then(|line| within(line, length))
        .ok_or(Error::RangeNotSatisfiable { length })
}

fn within(line: &str, length: u64) -> Option<Range<u64>> {
    let (unit, range) = line.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => length.saturating_sub(number(last)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_bytes_they_name_or_nothing() {
        for (line, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-5", Some(2..6)),
            ("bytes=5-", Some(5..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-50", Some(0..10)),
            ("bytes=8-99999999999999999999999", Some(8..10)),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("bytes=5-2", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes=1-2,4-5", None),
            ("items=1-2", None),
            ("bytes", None),
            ("bytes=-", None),
        ] {
            assert_eq!(within(line, 10), expected, "{line}");
        }
        assert_eq!(within("bytes=0-", 0), None);
    }
}
