//! `Multipart`: the frame around the ranges of a `multipart/byteranges` body (RFC 9110 §14.6).

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;

use super::content_range::content_range;

/// Everything of a `multipart/byteranges` body but the bytes of the ranges.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Multipart {
    /// The frame of a body with `ranges` of a representation of `length` bytes.
    ///
    /// `boundary` must be what RFC 2046 §5.1.1 allows without quotes, 1 to 70 letters, digits or `-`,
    /// and nothing that the representation can be expected to contain: take enough random digits.
    #[must_use]
    pub fn new(
        boundary: &str,
        ranges: &[Range<u64>],
        length: u64,
        content_type: Option<&HeaderValue>,
    ) -> Self {
        let part = |(at, range): (usize, &Range<u64>)| {
            let mut head = Vec::new();
            // The first boundary needs no line end before it.
            head.extend_from_slice(if at == 0 { b"--" } else { b"\r\n--" });
            head.extend_from_slice(boundary.as_bytes());
            if let Some(content_type) = content_type {
                head.extend_from_slice(b"\r\nContent-Type: ");
                head.extend_from_slice(content_type.as_bytes());
            }
            head.extend_from_slice(b"\r\nContent-Range: ");
            head.extend_from_slice(content_range(range, Some(length)).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            (Bytes::from(head), range.clone())
        };
        Self {
            boundary: boundary.to_owned(),
            parts: ranges.iter().enumerate().map(part).collect(),
            end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
        }
    }

    /// The value of `Content-Type`. "A server MUST NOT generate a multipart response to a request for a
    /// single range" and sends no `Content-Range` with this (§15.3.7.2).
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::try_from(format!("multipart/byteranges; boundary={}", self.boundary))
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"))
    }

    /// The exact length of the body in bytes.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        let part = |(head, range): &(Bytes, Range<u64>)| {
            (head.len() as u64).saturating_add(range.end.saturating_sub(range.start))
        };
        let parts = self.parts.iter().map(part).fold(0, u64::saturating_add);
        parts.saturating_add(self.end.len() as u64)
    }

    /// The parts: what goes before a range's bytes, and the range.
    pub fn parts(&self) -> impl Iterator<Item = (Bytes, Range<u64>)> + '_ {
        self.parts.iter().cloned()
    }

    /// What ends the body.
    #[must_use]
    pub fn end(&self) -> Bytes {
        self.end.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(multipart: &Multipart, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, range) in multipart.parts() {
            body.extend_from_slice(&head);
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            body.extend_from_slice(&bytes[range]);
        }
        body.extend_from_slice(&multipart.end());
        body
    }

    #[test]
    fn the_body_is_framed_as_in_the_rfc_and_its_length_is_exact() {
        let text = HeaderValue::from_static("text/plain");
        let multipart = Multipart::new("B", &[0..2, 4..5], 6, Some(&text));
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=B");
        let body = body(&multipart, b"abcdef");
        assert_eq!(
            str::from_utf8(&body).unwrap(),
            "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/6\r\n\r\nab\
             \r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/6\r\n\r\ne\
             \r\n--B--\r\n"
        );
        assert_eq!(multipart.content_length(), body.len() as u64);
    }

    #[test]
    fn a_representation_without_type_has_parts_without_type() {
        let multipart = Multipart::new("B", &[0..1, 2..3], 6, None);
        let body = body(&multipart, b"abcdef");
        assert_eq!(
            body,
            b"--B\r\nContent-Range: bytes 0-0/6\r\n\r\na\r\n--B\r\nContent-Range: bytes 2-2/6\r\n\r\nc\r\n--B--\r\n"
        );
        assert_eq!(multipart.content_length(), body.len() as u64);
    }
}
