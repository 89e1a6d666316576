//! Fields that say how far a request may still go: `Via`, `Max-Forwards` and `Expect`.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, EXPECT, VIA},
};

use super::error::InvalidRequest;
use crate::body::Body;

const MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");

/// RFC 9110 §10.1.1: an expectation other than `100-continue` is answered with 417; HTTP/1.0 clients
/// cannot mean it.
pub(super) fn check_expectation(
    version: Version,
    fields: &HeaderMap,
) -> Result<(), InvalidRequest> {
    let can_meet = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if version < Version::HTTP_11 || fields.get_all(EXPECT).iter().all(can_meet) {
        Ok(())
    } else {
        Err(InvalidRequest::Expectation)
    }
}

/// Whether a request that we forwarded came back.
pub(super) fn check_loop(fields: &HeaderMap, pseudonym: &str) -> Result<(), InvalidRequest> {
    let names_us = |value: &HeaderValue| {
        // Bytes above ASCII only occur in comments; lossy is exact for the rest.
        received_by(&String::from_utf8_lossy(value.as_bytes()), pseudonym)
    };
    if fields.get_all(VIA).iter().any(names_us) {
        return Err(InvalidRequest::Loop {
            pseudonym: pseudonym.to_owned(),
        });
    }
    Ok(())
}

/// `Via = #( received-protocol RWS received-by [ RWS comment ] )`: is `pseudonym` a `received-by`?
fn received_by(via: &str, pseudonym: &str) -> bool {
    let mut depth = 0_usize;
    let is_separator = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    via.split(is_separator).any(|hop| {
        let name = hop.split_ascii_whitespace().nth(1);
        name.is_some_and(|name| name.eq_ignore_ascii_case(pseudonym))
    })
}

/// RFC 9110 §7.6.2: an `OPTIONS` that may go no further is answered here, otherwise the number is
/// lowered by one. Only for requests to somebody else: our own routes are the end of the way anyhow.
pub(super) fn spend_forward(
    request: &mut Request<Body>,
) -> Result<Option<Response<Body>>, InvalidRequest> {
    if request.method() != Method::OPTIONS || request.uri().authority().is_none() {
        return Ok(None);
    }
    let Some(left) = request.headers().get(MAX_FORWARDS) else {
        return Ok(None);
    };
    match forwards(left)
        .ok_or(InvalidRequest::MaxForwards)?
        .checked_sub(1)
    {
        None => Ok(Some(final_recipient())),
        Some(left) => {
            request.headers_mut().insert(MAX_FORWARDS, left.into());
            Ok(None)
        }
    }
}

fn forwards(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn final_recipient() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allow = HeaderValue::from_static(InvalidRequest::ALLOW);
    response.headers_mut().insert(ALLOW, allow);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_received_by_is_a_loop() {
        for via in ["1.1 us", "1.0 a, 1.1 US (x, y)", "1.1 a (b, c), HTTP/2 us"] {
            assert!(received_by(via, "us"), "{via}");
        }
        for via in [
            "1.1 a",
            "us 1.1",
            "1.1 us:80",
            "1.1 a (x, 1.1 us)",
            "1.1 a (1.1 us)",
            "",
        ] {
            assert!(!received_by(via, "us"), "{via}");
        }
    }
}
