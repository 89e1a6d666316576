//! Where the request's body ends must be beyond doubt (RFC 9112 §6).

use http::{
    HeaderMap, HeaderValue, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::error::InvalidRequest;

pub(super) fn check(version: Version, fields: &HeaderMap) -> Result<(), InvalidRequest> {
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return check_length(fields);
    };
    // RFC 9112 §6.1: "A server that receives an HTTP/1.0 message containing a Transfer-Encoding header
    // field MUST treat the message as if the framing is faulty". HTTP/2 has no such field (§8.2.2).
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if version != Version::HTTP_11 || !is_chunked || codings.next().is_some() {
        return Err(InvalidRequest::TransferEncoding);
    }
    if fields.contains_key(CONTENT_LENGTH) {
        return Err(InvalidRequest::AmbiguousLength);
    }
    Ok(())
}

/// RFC 9112 §6.3, rule 5: a list of equal numbers may pass as one; it is refused here all the same,
/// for nobody sends it in good faith.
fn check_length(fields: &HeaderMap) -> Result<(), InvalidRequest> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(());
    };
    if lengths.next().is_some() || !is_number(length) {
        return Err(InvalidRequest::ContentLength);
    }
    Ok(())
}

/// `1*DIGIT` that fits; a sign, which `parse` would take, is not a digit.
fn is_number(value: &HeaderValue) -> bool {
    let digits = value.as_bytes();
    digits.iter().all(u8::is_ascii_digit)
        && str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u64>().is_ok())
}
