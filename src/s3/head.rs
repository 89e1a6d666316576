//! [`Head`]: what a store says of an object, and what its bytes are checked against.

use artifact_cache_layers::digest::Sha256;
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use crate::artifact::check::{Check, Checker, Damaged};

/// How the words that go along with an object begin.
pub(super) const METADATA: &str = "x-amz-meta-";

/// What a store says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its length, or that of the part that was asked for.
    pub size_bytes: Option<u64>,
    /// What its bytes can be checked against.
    pub check: Check,
    /// Its entity tag, as the store writes it.
    pub etag: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// When it was written, as an HTTP-date.
    pub modified: Option<String>,
    /// The words that go along with it.
    pub metadata: super::client::Metadata,
}

impl Head {
    /// Fields of a request that make the store tell its checksums.
    pub(crate) fn request_fields() -> HeaderMap {
        let name = HeaderName::from_static("x-amz-checksum-mode");
        HeaderMap::from_iter([(name, HeaderValue::from_static("ENABLED"))])
    }

    pub(super) fn of(fields: &HeaderMap) -> Self {
        let text = |name: &str| fields.get(name)?.to_str().ok().map(str::to_owned);
        let metadata = fields.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA)?;
            let value = String::from_utf8_lossy(value.as_bytes());
            Some((name.to_owned(), value.into_owned()))
        });
        Self {
            size_bytes: text("content-length").and_then(|length| length.parse().ok()),
            check: Check::of(fields),
            etag: text("etag"),
            content_type: text("content-type"),
            modified: text("last-modified"),
            metadata: metadata.collect(),
        }
    }

    /// The digest, where one is told.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        match self.check {
            Check::Sha256(digest) => Some(digest),
            _ => None,
        }
    }
}

impl Check {
    /// The strongest that these fields tell. Digests of the parts alone say nothing of the whole, and
    /// neither does the tag of an object that the store keeps encrypted.
    fn of(fields: &HeaderMap) -> Self {
        if fields.contains_key(header::CONTENT_RANGE) {
            return Self::Length;
        }
        Self::of_whole(fields)
    }

    /// The same for the whole object when `fields` may be those of a part: its metadata and its tag are
    /// those of the whole.
    #[must_use]
    pub fn of_whole(fields: &HeaderMap) -> Self {
        let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok());
        let covers_parts = text("x-amz-checksum-type") == Some("COMPOSITE")
            || fields.contains_key(header::CONTENT_RANGE);
        let stored = text("x-amz-checksum-sha256").filter(|_| !covers_parts);
        let stored = stored.and_then(|base64| format!("sha256-{base64}").parse().ok());
        let written = || text("x-amz-meta-sha256")?.parse().ok();
        if let Some(digest) = stored.or_else(written) {
            return Self::Sha256(digest);
        }
        let encrypted = text("x-amz-server-side-encryption").is_some_and(|by| by != "AES256")
            || fields.contains_key("x-amz-server-side-encryption-customer-algorithm");
        let tag = text("etag").filter(|_| !encrypted);
        tag.and_then(md5_of).map_or(Self::Length, Self::Md5)
    }
}

/// An entity tag that is the MD5 of the bytes: 32 hexadecimal digits, without the number of parts.
fn md5_of(tag: &str) -> Option<[u8; 16]> {
    let hex = tag.trim_matches('"').as_bytes();
    if hex.len() != 32 {
        return None;
    }
    let mut md5 = [0; 16];
    for (byte, pair) in md5.iter_mut().zip(hex.chunks_exact(2)) {
        let pair = str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(md5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&'static str, &str)]) -> Check {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Check::of(&fields.collect())
    }

    const MD5_OF_ABC: &str = "\"900150983cd24fb0d6963f7d28e17f72\"";

    #[test]
    fn the_strongest_digest_that_covers_the_whole_is_used() {
        let digest = Sha256::of(b"abc");
        let base64 = digest.structured_field();
        let base64 = base64.trim_start_matches("sha-256=:").trim_end_matches(':');
        let hex = digest.to_string();
        let stored = ("x-amz-checksum-sha256", base64);
        let written = ("x-amz-meta-sha256", hex.as_str());
        let tag = ("etag", MD5_OF_ABC);
        assert_eq!(check(&[stored, tag]), Check::Sha256(digest));
        assert_eq!(check(&[written, tag]), Check::Sha256(digest));
        assert!(matches!(check(&[tag]), Check::Md5(_)));
        let composite = ("x-amz-checksum-type", "COMPOSITE");
        assert!(matches!(check(&[stored, composite, tag]), Check::Md5(_)));
        for fields in [
            &[("etag", "\"900150983cd24fb0d6963f7d28e17f72-3\"")][..],
            &[tag, ("x-amz-server-side-encryption", "aws:kms")],
            &[written, ("content-range", "bytes 0-1/3")],
            &[],
        ] {
            assert_eq!(check(fields), Check::Length, "{fields:?}");
        }
    }
}
