//! The digest that names every artifact: 32 bytes, parsed from each form a client may pin with.

use std::fmt;

/// A SHA-256 digest.
///
/// Parsed from lower or upper case hex, `sha256:<hex>` or the Subresource Integrity form
/// `sha256-<base64>`; shown as lower case hex.
///
/// ```
/// use artifact_cache_layers::digest::Sha256;
/// let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let digest: Sha256 = format!("sha256:{empty}").parse().unwrap();
/// assert_eq!(digest.to_string(), empty);
/// assert_eq!("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

/// The text is none of the accepted forms of a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidDigest;

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `sha-256=:<base64>:`, the value of `Repr-Digest` and `Content-Digest` (RFC 9530 §2).
    #[must_use]
    pub fn structured_field(&self) -> String {
        format!("sha-256=:{}:", base64(&self.0))
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        // Hex digits are ASCII, so this never falls back.
        f.pad(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Sha256 {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match text.strip_prefix("sha256-") {
            Some(encoded) => from_base64(encoded),
            None => from_hex(text.strip_prefix("sha256:").unwrap_or(text)),
        }
        .map(Self)
        .ok_or(InvalidDigest)
    }
}

/// SHA-256 of bytes as they pass.
///
/// ```
/// use artifact_cache_layers::digest::{Hasher, Sha256};
/// let mut hasher = Hasher::default();
/// hasher.update(b"arti");
/// hasher.update(b"fact");
/// assert_eq!(hasher.finish(), Sha256::of(b"artifact"));
/// ```
#[derive(Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Sha256 {
        Sha256(sha2::Digest::finalize(self.0).into())
    }
}

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a SHA-256 digest (expected 64 hex characters, sha256:<hex> or sha256-<base64>)",
        )
    }
}

impl std::error::Error for InvalidDigest {}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 of exactly 32 bytes: 43 digits and one `=`.
fn base64(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(44);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, i| {
            bits << 8 | group.get(i).map_or(0, |&b| usize::from(b))
        });
        for digit in 0..=group.len() {
            text.push(char::from(BASE64[bits >> (18 - 6 * digit) & 63]));
        }
    }
    text.push('=');
    text
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut bytes = Vec::with_capacity(33);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = BASE64.iter().position(|&known| known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).ok()?);
        }
    }
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_pin_is_the_same_digest() {
        let digest = Sha256::of(b"artifact");
        let hex = digest.to_string();
        let encoded = base64(digest.as_bytes());
        assert_eq!(hex.parse(), Ok(digest));
        assert_eq!(hex.to_uppercase().parse(), Ok(digest));
        assert_eq!(format!("sha256:{hex}").parse(), Ok(digest));
        assert_eq!(format!("sha256-{encoded}").parse(), Ok(digest));
        assert_eq!(digest.structured_field(), format!("sha-256=:{encoded}:"));
    }

    #[test]
    fn anything_else_is_refused() {
        let hex = Sha256::of(b"").to_string();
        for text in [
            "",
            "0",
            &hex[1..],
            &format!("{hex}0"),
            &format!("md5:{hex}"),
            "sha256-",
            "sha256-!!!=",
        ] {
            assert_eq!(text.parse::<Sha256>(), Err(InvalidDigest), "{text}");
        }
    }
}
