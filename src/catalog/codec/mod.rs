//! Bytes of the catalog's records: one version byte, then postcard. The order of the fields is the
//! format; a changed record gets a new version byte and a step in `upgrade`.

mod response_set;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub(in crate::catalog) use self::response_set::{decode_set, encode_set, revision};
use super::set::BlobRecord;
use crate::artifact::Totals;

/// Version of every record this program writes.
const VERSION: u8 = 1;

/// Why the bytes of a record are unreadable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Bytes are missing.
    #[error("record is cut short")]
    Short,
    /// Bytes are left over.
    #[error("record is too long")]
    Long,
    /// Another program version wrote it.
    #[error("record has version {0}")]
    Version(u8),
    /// The bytes are no postcard of the record.
    #[error("record cannot be decoded")]
    Encoding(#[source] postcard::Error),
    /// The bytes decode to something that this value cannot be.
    #[error("{0} is not valid")]
    Value(&'static str),
}

/// Numbers that every write may change; one record, so that they are read and written at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::catalog) struct Counters {
    /// The id of the last artifact; ids are never reused.
    pub(in crate::catalog) last_id: u64,
    /// The revision of the last response set written.
    pub(in crate::catalog) revision: u64,
    pub(in crate::catalog) items: u64,
    pub(in crate::catalog) blobs: u64,
    pub(in crate::catalog) size_bytes: u64,
    pub(in crate::catalog) logical_size_bytes: u64,
    pub(in crate::catalog) accesses: u64,
}

impl From<Counters> for Totals {
    fn from(counters: Counters) -> Self {
        Self {
            total_items: counters.items,
            total_size_bytes: counters.size_bytes,
            total_accesses: counters.accesses,
            logical_size_bytes: counters.logical_size_bytes,
            total_blobs: counters.blobs,
        }
    }
}

/// What is kept of an artifact beside its response set. The URL comes first: lists filter by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::catalog) struct ArtifactRecord<'a> {
    pub(in crate::catalog) source_url: &'a str,
    pub(in crate::catalog) key: [u8; 32],
    pub(in crate::catalog) content_type: Option<&'a str>,
    pub(in crate::catalog) first_cached_at: u64,
}

/// Hits of one artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::catalog) struct HitsRecord {
    pub(in crate::catalog) access_count: u64,
    pub(in crate::catalog) last_accessed_at: u64,
}

#[derive(Serialize, Deserialize)]
struct BlobBytes {
    size_bytes: u64,
    first_stored: u64,
    private: bool,
}

/// Nanoseconds since 1970, enough until the year 2554; earlier times become 1970.
pub(in crate::catalog) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// The time that [`nanoseconds`] made a number of.
pub(in crate::catalog) fn time(nanoseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// The bytes of a record.
pub(in crate::catalog) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, Malformed> {
    postcard::to_extend(record, vec![VERSION]).map_err(Malformed::Encoding)
}

/// The record that `bytes` are.
pub(in crate::catalog) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    exactly(versioned(bytes)?)
}

/// The record that `bytes` begin with; what follows is not looked at.
pub(in crate::catalog) fn decode_beginning<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<T, Malformed> {
    let taken = postcard::take_from_bytes(versioned(bytes)?);
    taken.map(|(record, _)| record).map_err(Malformed::Encoding)
}

fn versioned(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match bytes {
        [VERSION, rest @ ..] => Ok(rest),
        [other, ..] => Err(Malformed::Version(*other)),
        [] => Err(Malformed::Short),
    }
}

fn exactly<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    match postcard::take_from_bytes(bytes).map_err(Malformed::Encoding)? {
        (record, []) => Ok(record),
        _ => Err(Malformed::Long),
    }
}

pub(in crate::catalog) fn encode_blob(blob: &BlobRecord) -> Result<Vec<u8>, Malformed> {
    encode(&BlobBytes {
        size_bytes: blob.size_bytes,
        first_stored: nanoseconds(blob.first_stored),
        private: blob.private,
    })
}

pub(in crate::catalog) fn decode_blob(bytes: &[u8]) -> Result<BlobRecord, Malformed> {
    decode::<BlobBytes>(bytes).map(|blob| BlobRecord {
        size_bytes: blob.size_bytes,
        first_stored: time(blob.first_stored),
        private: blob.private,
    })
}
