//! Hashing stored blobs again, at a bounded rate: finds what the disk lost or changed.

use std::{io, num::NonZeroU64, ops::ControlFlow, os::unix::fs::FileExt as _, time::Duration};

use artifact_cache_layers::digest::Sha256;
use rustix::fs::{Advice, fadvise};
use sha2::Digest as _;

use crate::{
    blob::{Blob, BlobStore},
    catalog::{Catalog, CatalogError},
};

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Blobs listed in one read of the catalog.
const BATCH: usize = 256;

/// How fast to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Most bytes read in a second; `None` as fast as the disk allows.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// The state of one blob on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Length and digest are right.
    Sound,
    /// There is no file.
    Missing,
    /// The file has another length.
    WrongLength {
        /// Length of the file, in bytes.
        found: u64,
    },
    /// The bytes are others.
    WrongDigest {
        /// Their digest.
        actual: Sha256,
    },
}

/// What a verification of all blobs found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes they should have.
    pub bytes: u64,
    /// Those that are not sound.
    pub bad: u64,
}

/// Why a verification stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The catalog could not be read.
    #[error("catalog could not be read")]
    Catalog(#[from] CatalogError),
    /// A blob could not be read.
    #[error("blob {digest} could not be read")]
    Blob {
        /// The blob.
        digest: Sha256,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sound => f.write_str("intact"),
            Self::Missing => f.write_str("there is no file"),
            Self::WrongLength { found } => write!(f, "the file has {found} bytes"),
            Self::WrongDigest { actual } => write!(f, "the file has the digest {actual}"),
        }
    }
}

/// A blob that cannot be read is damaged.
#[must_use]
pub fn unreadable(error: &VerifyError) -> String {
    let cause = std::error::Error::source(error);
    let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
    format!("the file cannot be read: {cause}")
}

/// Hashes one blob. Blocks.
pub fn verify_blob(
    blobs: &BlobStore,
    digest: &Sha256,
    expected_len: u64,
    pace: Pace,
) -> Result<Verdict, VerifyError> {
    let mut go_on = |bytes| {
        pace.rest(bytes);
        true
    };
    let verdict = verify_blob_while((blobs, digest), expected_len, &mut go_on)?;
    // It was not stopped.
    Ok(verdict.unwrap_or(Verdict::Sound))
}

/// Hashes one blob as long as `go_on` says so, which is told of every part that was read, in bytes; `None`
/// when it was stopped. Blocks.
pub fn verify_blob_while(
    (blobs, digest): (&BlobStore, &Sha256),
    expected_len: u64,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Verdict>, VerifyError> {
    let failed = |source| VerifyError::Blob {
        digest: *digest,
        source,
    };
    let Some(blob) = blobs.open_afresh(digest).map_err(failed)? else {
        return Ok(Some(Verdict::Missing));
    };
    if blob.len != expected_len {
        return Ok(Some(Verdict::WrongLength { found: blob.len }));
    }
    let actual = hash(&blob, go_on).map_err(failed)?;
    Ok(actual.map(|actual| {
        if actual == *digest {
            Verdict::Sound
        } else {
            Verdict::WrongDigest { actual }
        }
    }))
}

/// Hashes every blob that the catalog knows, in order of digest, and tells `visit` of each, which may
/// stop it. Blocks.
pub fn verify_all(
    (catalog, blobs): (&Catalog, &BlobStore),
    pace: Pace,
    mut visit: impl FnMut(&Sha256, Verdict) -> ControlFlow<()>,
) -> Result<Verification, VerifyError> {
    let mut sum = Verification::default();
    let mut after = None;
    loop {
        let batch = catalog.blobs(after.as_ref(), BATCH)?;
        let Some((last, _)) = batch.last() else {
            return Ok(sum);
        };
        after = Some(*last);
        for (digest, record) in &batch {
            let verdict = verify_blob(blobs, digest, record.size_bytes, pace)?;
            // Removed since it was listed: that is no fault.
            if verdict == Verdict::Missing && catalog.blob(digest)?.is_none() {
                continue;
            }
            sum.blobs += 1;
            sum.bytes += record.size_bytes;
            sum.bad += u64::from(verdict != Verdict::Sound);
            if visit(digest, verdict).is_break() {
                return Ok(sum);
            }
        }
    }
}

/// The digest of a file that is no blob. Blocks.
pub(super) fn digest_of_file(path: &std::path::Path) -> io::Result<Sha256> {
    let file = std::fs::File::open(path)?;
    let blob = Blob {
        len: file.metadata()?.len(),
        file: std::sync::Arc::new(file),
    };
    // It is never stopped.
    hash(&blob, &mut |_| true)?.ok_or(io::ErrorKind::Interrupted.into())
}

fn hash(blob: &Blob, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<Sha256>> {
    // Only advice: a blob that is read once to be checked should not displace hot ones.
    let _ = fadvise(&blob.file, 0, None, Advice::NoReuse);
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    loop {
        let read = blob.file.read_at(&mut buffer, offset)?;
        if read == 0 {
            return Ok(Some(<[u8; 32]>::from(hasher.finalize()).into()));
        }
        hasher.update(&buffer[..read]);
        offset += read as u64;
        if !go_on(read as u64) {
            return Ok(None);
        }
    }
}

impl Pace {
    /// Sleeps for the whole time that the bytes may take: reading them comes on top, so the rate stays
    /// below the bound.
    fn rest(self, bytes: u64) {
        if let Some(rest) = self.rest_after(bytes) {
            std::thread::sleep(rest);
        }
    }

    /// How long so many bytes may take.
    #[must_use]
    pub fn rest_after(self, bytes: u64) -> Option<Duration> {
        let rate = self.bytes_per_second?.get();
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::tests::{put, temporary_store};

    #[test]
    fn every_fault_of_a_blob_is_told_from_the_others() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"sound");
        let verdict = |length| verify_blob(&store, &digest, length, Pace::default()).expect("read");
        assert_eq!(verdict(5), Verdict::Sound);
        assert_eq!(verdict(6), Verdict::WrongLength { found: 5 });
        std::fs::remove_file(store.path(&digest)).expect("removed");
        assert_eq!(verdict(5), Verdict::Missing);
        std::fs::write(store.path(&digest), b"s0und").expect("changed");
        let actual = Sha256::of(b"s0und");
        assert_eq!(verdict(5), Verdict::WrongDigest { actual });
    }

    #[test]
    fn a_pace_allots_each_chunk_its_time() {
        let pace = |rate| Pace {
            bytes_per_second: NonZeroU64::new(rate),
        };
        assert_eq!(pace(0).rest_after(1 << 20), None);
        assert_eq!(
            pace(1 << 20).rest_after(1 << 20),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            pace(4 << 20).rest_after(1 << 20),
            Some(Duration::from_millis(250))
        );
    }
}
