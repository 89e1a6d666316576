//! The digests that a client may announce beside SHA-256, computed as the bytes pass. They check an upload;
//! nothing is ever named by them.

use std::fmt::Write as _;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha512};

use artifact_cache_layers::digest::Hasher;

/// An algorithm that uploads can be checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Its name for clients.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Digests under way.
#[derive(Default)]
pub(super) struct Digests(Vec<Digesting>);

enum Digesting {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Hasher),
    Sha512(Sha512),
}

impl Digests {
    /// Begins a digest of each algorithm.
    pub(super) fn of(algorithms: &[Algorithm]) -> Self {
        let begin = |algorithm: &Algorithm| match algorithm {
            Algorithm::Md5 => Digesting::Md5(Md5::new()),
            Algorithm::Sha1 => Digesting::Sha1(Sha1::new()),
            Algorithm::Sha256 => Digesting::Sha256(Hasher::default()),
            Algorithm::Sha512 => Digesting::Sha512(Sha512::new()),
        };
        Self(algorithms.iter().map(begin).collect())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for digest in &mut self.0 {
            match digest {
                Digesting::Md5(digest) => digest.update(bytes),
                Digesting::Sha1(digest) => digest.update(bytes),
                Digesting::Sha256(digest) => digest.update(bytes),
                Digesting::Sha512(digest) => digest.update(bytes),
            }
        }
    }

    /// Each algorithm with its digest in hex.
    pub(super) fn finish(self) -> Vec<(Algorithm, String)> {
        let finish = |digest| match digest {
            Digesting::Md5(digest) => (Algorithm::Md5, hex(&digest.finalize())),
            Digesting::Sha1(digest) => (Algorithm::Sha1, hex(&digest.finalize())),
            Digesting::Sha256(digest) => (Algorithm::Sha256, digest.finish().to_string()),
            Digesting::Sha512(digest) => (Algorithm::Sha512, hex(&digest.finalize())),
        };
        self.0.into_iter().map(finish).collect()
    }
}

/// Bytes as lower case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        let mut digests = Digests::of(&[
            Algorithm::Md5,
            Algorithm::Sha1,
            Algorithm::Sha256,
            Algorithm::Sha512,
        ]);
        digests.update(b"a");
        digests.update(b"bc");
        for ((algorithm, found), expected) in digests.finish().into_iter().zip([
            "900150983cd24fb0d6963f7d28e17f72",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
        ]) {
            assert!(found.starts_with(expected), "{}", algorithm.name());
            assert_eq!(found.len(), 2 * algorithm.length());
        }
    }
}
