//! [`Check`] and [`Checker`]: bytes are checked, as they pass, against what their origin says of them.

use artifact_cache_layers::digest::{Hasher, Sha256};
use md5::Digest as _;

/// What the bytes of an artifact can be checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// A digest: of the store, or what was written as `x-amz-meta-sha256`.
    Sha256(Sha256),
    /// The entity tag of an object that was written in one part.
    Md5([u8; 16]),
    /// Nothing but the length.
    Length,
}

/// Checks bytes as they pass.
#[derive(Clone)]
pub struct Checker {
    check: Check,
    sha256: Hasher,
    md5: md5::Md5,
}

/// The bytes are not those that were written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object is damaged: expected {expected}, got {actual}")]
pub struct Damaged {
    /// The digest that the store tells.
    pub expected: String,
    /// That of what arrived.
    pub actual: String,
}

impl Checker {
    /// A checker against `check`.
    #[must_use]
    pub fn new(check: Check) -> Self {
        Self {
            check,
            sha256: Hasher::default(),
            md5: md5::Md5::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if matches!(self.check, Check::Md5(_)) {
            self.md5.update(bytes);
        }
    }

    /// The digest of everything, when it is what was expected.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(self) -> Result<Sha256, Damaged> {
        let digest = self.sha256.finish();
        let (expected, actual) = match self.check {
            Check::Length => return Ok(digest),
            Check::Sha256(expected) => (expected.to_string(), digest.to_string()),
            Check::Md5(expected) => {
                let actual: [u8; 16] = self.md5.finalize().into();
                (hex(expected), hex(actual))
            }
        };
        if expected == actual {
            Ok(digest)
        } else {
            Err(Damaged { expected, actual })
        }
    }
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5_OF_ABC: u128 = 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72;

    #[test]
    fn bytes_that_are_not_those_are_damaged() {
        for (check, right) in [
            (Check::Length, true),
            (Check::Md5(MD5_OF_ABC.to_be_bytes()), true),
            (Check::Md5([0; 16]), false),
            (Check::Sha256(Sha256::of(b"abc")), true),
            (Check::Sha256(Sha256::of(b"abd")), false),
        ] {
            let mut checker = Checker::new(check);
            checker.update(b"ab");
            checker.update(b"c");
            assert_eq!(checker.finish().is_ok(), right, "{check:?}");
        }
    }
}
