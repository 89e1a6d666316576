//! The text of a token: made from random bytes, read back, and compared by digest.

use std::fmt;

use rustls::crypto::{SecureRandom, aws_lc_rs};
use sha2::{Digest as _, Sha256};

/// Before every token, so that a leaked one is recognised by who scans for secrets.
const MARK: &str = "ac_";
/// Random bytes of the secret: too many to guess, so that one round of SHA-256 keeps it well.
const SECRET_BYTES: usize = 24;
const ID_BYTES: usize = 6;

/// A new token. The only value that ever has the secret.
pub struct Minted {
    /// The token, to be shown once.
    pub text: String,
    /// Its public part.
    pub id: TokenId,
    /// What is kept of it.
    pub digest: [u8; 32],
}

/// The public part of a token: 12 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; ID_BYTES * 2]);

/// A token as a client sent it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Presented {
    pub(super) id: TokenId,
    digest: [u8; 32],
}

/// The machine gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the machine gives no random bytes")]
pub struct NoRandomness;

/// The text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token of the form ac_<id>_<secret>")]
pub struct InvalidToken;

impl Minted {
    /// A token that nobody can guess.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn new() -> Result<Self, NoRandomness> {
        let provider = aws_lc_rs::default_provider();
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        fill(provider.secure_random, &mut id)?;
        fill(provider.secure_random, &mut secret)?;
        let (id, secret) = (hexadecimal(&id), hexadecimal(&secret));
        let text = format!("{MARK}{id}_{secret}");
        Ok(Self {
            digest: digest(&text),
            id: id.parse().unwrap_or(TokenId([b'0'; ID_BYTES * 2])),
            text,
        })
    }
}

/// Random bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    fill(aws_lc_rs::default_provider().secure_random, &mut bytes)?;
    Ok(bytes)
}

fn fill(random: &dyn SecureRandom, bytes: &mut [u8]) -> Result<(), NoRandomness> {
    random.fill(bytes).map_err(|_| NoRandomness)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let pairs = bytes.iter().map(|byte| [byte >> 4, byte & 15]);
    pairs.flatten().map(digit).collect()
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Presented {
    /// A token out of the text that a client sent.
    pub(super) fn read(text: &str) -> Result<Self, InvalidToken> {
        let (id, secret) = text
            .strip_prefix(MARK)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(InvalidToken)?;
        if secret.len() != SECRET_BYTES * 2 {
            return Err(InvalidToken);
        }
        Ok(Self {
            id: id.parse()?,
            digest: digest(text),
        })
    }

    /// Whether it is the token that was kept as `digest`; the time does not tell how much is right.
    pub(super) fn is(&self, digest: &[u8; 32]) -> bool {
        let pairs = self.digest.iter().zip(digest);
        pairs.fold(0, |wrong, (ours, theirs)| wrong | (ours ^ theirs)) == 0
    }
}

/// Whether a text claims to be a token of ours: then it must go no further.
pub(super) fn is_marked(text: &str) -> bool {
    text.starts_with(MARK)
}

impl TokenId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only hexadecimal digits pass `from_str`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for TokenId {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits: [u8; ID_BYTES * 2] = text.as_bytes().try_into().map_err(|_| InvalidToken)?;
        if digits.iter().all(is_digit) {
            Ok(Self(digits))
        } else {
            Err(InvalidToken)
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_no_other_is_it() {
        let (one, other) = (Minted::new().unwrap(), Minted::new().unwrap());
        let read = Presented::read(&one.text).unwrap();
        assert_eq!(read.id, one.id);
        assert!(read.is(&one.digest));
        assert!(!read.is(&other.digest));
        assert_eq!(one.text.len(), 3 + 12 + 1 + 48);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = Minted::new().unwrap().text;
        let upper = token.to_uppercase();
        let long = format!("{token}0");
        for text in ["", "ac_", "ac_1_2", &token[..62], &upper, &long, "ac_ÿ_é"] {
            assert!(Presented::read(text).is_err(), "{text}");
        }
    }
}
