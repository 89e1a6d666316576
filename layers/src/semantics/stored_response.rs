//! `StoredResponse`: what must be kept of a response to judge its reuse later (RFC 9111 §2, §3.1).

use std::time::SystemTime;

use http::{HeaderMap, StatusCode, header};

use super::{
    cache_control::CacheControl, cache_key::Nominated, freshness, hop_by_hop::remove_hop_by_hop,
    http_date,
};
use crate::digest::Sha256;

/// The head of a stored response, and which bytes are its body.
///
/// `fields` are the origin's, without hop-by-hop fields; order and repetition are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The origin's final status.
    pub status: StatusCode,
    /// The origin's fields as received.
    pub fields: HeaderMap,
    /// When the request that caused the response was sent.
    pub request_time: SystemTime,
    /// When the head of the response arrived, or was last freshened.
    pub response_time: SystemTime,
    /// The request fields that `Vary` nominated, as they were.
    pub nominated: Nominated,
    /// The digest of the body's bytes as received.
    pub digest: Sha256,
    /// The body's length in bytes.
    pub length: u64,
}

impl StoredResponse {
    /// When the origin generated the response: `Date`, or when it arrived if that says nothing.
    #[must_use]
    pub fn date(&self) -> SystemTime {
        freshness::date_value(&self.fields, self.response_time)
    }

    /// Of the `stored` responses that all match a request, the one to use: "When more than one
    /// suitable response is stored, a cache MUST use the most recent one (as determined by the Date
    /// header field)." (§4)
    #[must_use]
    pub fn most_recent<'a>(stored: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        stored
            .into_iter()
            .max_by_key(|stored| (stored.date(), stored.response_time))
    }
}

/// The fields of a response received at `response_time` as a shared cache stores them (§3.1).
///
/// "Caches MUST include all received response header fields -- including unrecognized ones -- when
/// storing a response" with three exceptions: those that end at this hop, `Proxy-Authenticate` and its
/// kin, and those that `no-cache` and `private` name. A missing `Date` is added, for "a recipient with
/// a clock that receives a response message without a Date header field MUST […] append a
/// corresponding Date header field to the message's header section if it is cached" (RFC 9110 §6.6.1).
#[must_use]
pub fn fields_to_store(received: &HeaderMap, response_time: SystemTime) -> HeaderMap {
    let directives = CacheControl::from_fields(received);
    let mut fields = received.clone();
    remove_hop_by_hop(&mut fields);
    for name in directives
        .no_cache_fields()
        .iter()
        .chain(directives.private_fields())
    {
        fields.remove(name);
    }
    if !fields.contains_key(header::DATE) {
        fields.insert(header::DATE, http_date::format(response_time));
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn stored_at(seconds: u64, date: &'static str) -> StoredResponse {
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        StoredResponse {
            status: StatusCode::OK,
            fields: fields(&[("date", date)]),
            request_time: time,
            response_time: time,
            nominated: Vec::new(),
            digest: Sha256::of(b""),
            length: 0,
        }
    }

    #[test]
    fn fields_for_this_hop_and_named_fields_are_not_stored() {
        let received = fields(&[
            ("connection", "a"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("proxy-authenticate", "Basic"),
            ("cache-control", "no-cache=\"b\", max-age=5"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        let stored = fields_to_store(&received, UNIX_EPOCH);
        let mut names: Vec<_> = stored.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["c", "cache-control", "date"]);
    }

    #[test]
    fn a_private_field_is_not_stored() {
        let received = fields(&[
            ("set-cookie", "a"),
            ("cache-control", "private=\"set-cookie\""),
        ]);
        assert!(!fields_to_store(&received, UNIX_EPOCH).contains_key("set-cookie"));
    }

    #[test]
    fn a_missing_date_is_the_time_of_arrival() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let stored = fields_to_store(&HeaderMap::new(), time);
        assert_eq!(stored["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn the_latest_date_is_the_most_recent_response() {
        let older = stored_at(900_000_000, "Sun, 06 Nov 1994 08:49:37 GMT");
        let newer = stored_at(800_000_000, "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(StoredResponse::most_recent([&older, &newer]), Some(&newer));
        assert_eq!(StoredResponse::most_recent([]), None);
    }
}
