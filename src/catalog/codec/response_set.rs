//! Bytes of a response set: version, revision, then postcard. The revision in front lets a reader
//! that has decoded the set before skip the rest.

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::Nominated, stored_response::StoredResponse},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Malformed, VERSION, exactly, nanoseconds, time, versioned};
use crate::{
    artifact::Version,
    catalog::set::{ResponseSet, Stored},
};

#[derive(Serialize, Deserialize)]
struct SetBytes<'a> {
    id: u64,
    uri: &'a str,
    final_url: Option<&'a str>,
    #[serde(borrow)]
    responses: Vec<ResponseBytes<'a>>,
    versions: Vec<VersionBytes>,
}

#[derive(Serialize, Deserialize)]
struct ResponseBytes<'a> {
    status: u16,
    #[serde(borrow)]
    fields: Vec<(&'a str, &'a [u8])>,
    request_time: u64,
    response_time: u64,
    #[serde(borrow)]
    nominated: Vec<(&'a str, Option<&'a [u8]>)>,
    digest: [u8; 32],
    length: u64,
    invalidated: bool,
}

#[derive(Serialize, Deserialize)]
struct VersionBytes {
    digest: [u8; 32],
    size_bytes: u64,
    first_seen: u64,
    last_seen: u64,
}

/// The bytes of a response set: version, revision, set. Two reads with one revision are the same set.
pub(in crate::catalog) fn encode_set(
    revision: u64,
    set: &ResponseSet,
) -> Result<Vec<u8>, Malformed> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&revision.to_be_bytes());
    postcard::to_extend(&SetBytes::from(set), bytes).map_err(Malformed::Encoding)
}

/// The revision of a response set without decoding the set.
pub(in crate::catalog) fn revision(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (revision, set) = versioned(bytes)?
        .split_first_chunk::<8>()
        .ok_or(Malformed::Short)?;
    Ok((u64::from_be_bytes(*revision), set))
}

/// The set behind the revision.
pub(in crate::catalog) fn decode_set(bytes: &[u8]) -> Result<ResponseSet, Malformed> {
    exactly::<SetBytes<'_>>(revision(bytes)?.1)?.try_into()
}

impl<'a> From<&'a ResponseSet> for SetBytes<'a> {
    fn from(set: &'a ResponseSet) -> Self {
        Self {
            id: set.id,
            uri: set.uri.as_str(),
            final_url: set.final_url.as_deref(),
            responses: set.responses.iter().map(ResponseBytes::from).collect(),
            versions: set.versions.iter().map(VersionBytes::from).collect(),
        }
    }
}

impl TryFrom<SetBytes<'_>> for ResponseSet {
    type Error = Malformed;

    fn try_from(set: SetBytes<'_>) -> Result<Self, Malformed> {
        let responses = set.responses.into_iter().map(Stored::try_from);
        Ok(Self {
            id: set.id,
            uri: set.uri.parse().map_err(|_| Malformed::Value("a URL"))?,
            final_url: set.final_url.map(str::to_owned),
            revision: 0,
            responses: responses.collect::<Result<_, _>>()?,
            versions: set.versions.into_iter().map(Version::from).collect(),
        })
    }
}

impl<'a> From<&'a Stored> for ResponseBytes<'a> {
    fn from(stored: &'a Stored) -> Self {
        let response = &stored.response;
        let fields = response.fields.iter();
        let nominated = response.nominated.iter();
        Self {
            status: response.status.as_u16(),
            fields: fields
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect(),
            request_time: nanoseconds(response.request_time),
            response_time: nanoseconds(response.response_time),
            nominated: nominated
                .map(|(name, value)| (name.as_str(), value.as_deref()))
                .collect(),
            digest: *response.digest.as_bytes(),
            length: response.length,
            invalidated: stored.invalidated,
        }
    }
}

impl TryFrom<ResponseBytes<'_>> for Stored {
    type Error = Malformed;

    fn try_from(bytes: ResponseBytes<'_>) -> Result<Self, Malformed> {
        let mut stored = Self::from(StoredResponse {
            status: StatusCode::from_u16(bytes.status).map_err(|_| Malformed::Value("a status"))?,
            fields: fields(bytes.fields)?,
            request_time: time(bytes.request_time),
            response_time: time(bytes.response_time),
            nominated: nominated(bytes.nominated)?,
            digest: bytes.digest.into(),
            length: bytes.length,
        });
        stored.invalidated = bytes.invalidated;
        Ok(stored)
    }
}

fn fields(pairs: Vec<(&str, &[u8])>) -> Result<HeaderMap, Malformed> {
    // The fallible forms: more fields than a map can hold must not bring the program down.
    let too_many = |_| Malformed::Value("the number of fields");
    let mut fields = HeaderMap::try_with_capacity(pairs.len()).map_err(too_many)?;
    for (name, value) in pairs {
        let value =
            HeaderValue::from_bytes(value).map_err(|_| Malformed::Value("a field value"))?;
        fields
            .try_append(field_name(name)?, value)
            .map_err(too_many)?;
    }
    Ok(fields)
}

fn nominated(pairs: Vec<(&str, Option<&[u8]>)>) -> Result<Nominated, Malformed> {
    pairs
        .into_iter()
        .map(|(name, value)| Ok((field_name(name)?, value.map(<[u8]>::to_vec))))
        .collect()
}

fn field_name(name: &str) -> Result<HeaderName, Malformed> {
    name.parse().map_err(|_| Malformed::Value("a field name"))
}

impl From<&Version> for VersionBytes {
    fn from(version: &Version) -> Self {
        Self {
            digest: *version.digest.as_bytes(),
            size_bytes: version.size_bytes,
            first_seen: nanoseconds(version.first_seen),
            last_seen: nanoseconds(version.last_seen),
        }
    }
}

impl From<VersionBytes> for Version {
    fn from(bytes: VersionBytes) -> Self {
        Self {
            digest: Sha256::from(bytes.digest),
            size_bytes: bytes.size_bytes,
            first_seen: time(bytes.first_seen),
            last_seen: time(bytes.last_seen),
        }
    }
}
