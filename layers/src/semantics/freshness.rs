//! Age and freshness lifetime of stored responses (RFC 9111 §4.2). It judges neither whether a stale
//! response may be served nor what a request asks for: see `reuse`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{
    cache_control::CacheControl, http_date, list, policy::Policy, stored_response::StoredResponse,
};

/// "If the response has a Last-Modified header field, caches are encouraged to use a heuristic
/// expiration value that is no more than some fraction of the interval since that time. A typical
/// setting of this fraction might be 10%." (§4.2.2)
const HEURISTIC_DIVISOR: u32 = 10;

/// The age of a stored response at `now` (§4.2.3). A clock that went back makes no response younger
/// than it was when it arrived.
#[must_use]
pub fn current_age(stored: &StoredResponse, now: SystemTime) -> Duration {
    let resident_time = since(stored.response_time, now);
    corrected_initial_age(stored).saturating_add(resident_time)
}

/// ```text
/// apparent_age = max(0, response_time - date_value);
/// response_delay = response_time - request_time;
/// corrected_age_value = age_value + response_delay;
/// corrected_initial_age = max(apparent_age, corrected_age_value);
/// ```
fn corrected_initial_age(stored: &StoredResponse) -> Duration {
    let date = date_value(&stored.fields, stored.response_time);
    // `Date` has no fractions of a second: what is left below one is not age.
    let apparent_age = Duration::from_secs(since(date, stored.response_time).as_secs());
    let response_delay = since(stored.request_time, stored.response_time);
    apparent_age.max(age_value(&stored.fields).saturating_add(response_delay))
}

/// "A cache encountering a message with a list-based Age field value SHOULD use the first member of
/// the field value, discarding subsequent ones. If the field value (after discarding additional
/// members, as per above) is invalid (e.g., it contains something other than a non-negative integer),
/// a cache SHOULD ignore the field." (§5.1)
fn age_value(fields: &HeaderMap) -> Duration {
    let first = fields
        .get(header::AGE)
        .and_then(|line| list::members(line.as_bytes()).next());
    let seconds = first.and_then(list::digits).unwrap_or(0);
    Duration::from_secs(seconds.min(u32::MAX.into()))
}

/// "A recipient with a clock that receives a response message without a Date header field MUST record
/// the time it was received" (RFC 9110 §6.6.1), and an invalid one tells no more than none.
pub(super) fn date_value(fields: &HeaderMap, received: SystemTime) -> SystemTime {
    date_of(fields, &header::DATE, received).unwrap_or(received)
}

/// The date in the first line of a field; two-digit years are read as of `reference`.
pub(super) fn date_of(
    fields: &HeaderMap,
    name: &HeaderName,
    reference: SystemTime,
) -> Option<SystemTime> {
    http_date::parse(fields.get(name)?.as_bytes(), reference)
}

/// How long a stored response is fresh, counted from its generation at the origin (§4.2.1, §4.2.2).
#[must_use]
pub fn freshness_lifetime(stored: &StoredResponse, policy: &Policy) -> Duration {
    lifetime(&CacheControl::from_fields(&stored.fields), stored, policy)
}

/// "A cache can calculate the freshness lifetime […] by using the first match of": `s-maxage` (a
/// shared cache), `max-age`, `Expires` minus `Date`, a heuristic (§4.2.1).
pub(super) fn lifetime(
    directives: &CacheControl,
    stored: &StoredResponse,
    policy: &Policy,
) -> Duration {
    let date = date_value(&stored.fields, stored.response_time);
    directives
        .s_maxage()
        .or_else(|| directives.max_age())
        .or_else(|| expires_after(&stored.fields, date))
        .unwrap_or_else(|| heuristic(directives, stored, date, policy))
}

/// `Expires` minus `Date`, zero when that is past; `None` without `Expires`.
///
/// "A cache recipient MUST interpret invalid date formats, especially the value "0", as representing
/// a time in the past" (§5.3). Lines that disagree are as good as invalid (§4.2.1).
fn expires_after(fields: &HeaderMap, date: SystemTime) -> Option<Duration> {
    let first = fields.get(header::EXPIRES)?;
    let agreed = fields
        .get_all(header::EXPIRES)
        .into_iter()
        .all(|line| line == first);
    let expires = http_date::parse(first.as_bytes(), date).filter(|_| agreed);
    Some(expires.map_or(Duration::ZERO, |expires| since(date, expires)))
}

fn heuristic(
    directives: &CacheControl,
    stored: &StoredResponse,
    date: SystemTime,
    policy: &Policy,
) -> Duration {
    if !may_be_heuristic(directives, stored.status, policy) {
        return Duration::ZERO;
    }
    let modified = date_of(&stored.fields, &header::LAST_MODIFIED, date);
    let tenth = modified.map_or(Duration::ZERO, |modified| {
        (since(modified, date) / HEURISTIC_DIVISOR).min(policy.max_heuristic)
    });
    tenth.max(just_validated(stored, policy))
}

/// The window counts from the arrival, however old the response was then.
fn just_validated(stored: &StoredResponse, policy: &Policy) -> Duration {
    if policy.just_validated.is_zero() {
        return Duration::ZERO;
    }
    corrected_initial_age(stored).saturating_add(policy.just_validated)
}

/// "Heuristics can only be used on responses without explicit freshness whose status codes are
/// defined as heuristically cacheable […] and those responses without explicit freshness that have
/// been marked as explicitly cacheable (e.g., with a public response directive)." (§4.2.2)
pub(super) fn may_be_heuristic(
    directives: &CacheControl,
    status: StatusCode,
    policy: &Policy,
) -> bool {
    match status.as_u16() {
        200 | 203 | 204 | 206 | 300 | 301 | 308 => true,
        404 | 405 | 410 | 414 | 501 => policy.heuristic_errors || directives.public(),
        _ => directives.public(),
    }
}

/// Whether the response says itself when it expires (§4.2.1).
pub(super) fn is_explicit(directives: &CacheControl, fields: &HeaderMap) -> bool {
    directives.s_maxage().is_some()
        || directives.max_age().is_some()
        || fields.contains_key(header::EXPIRES)
}

/// From `earlier` to `later`, zero when they are the other way round.
pub(super) fn since(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

/// The value of `Age` for a response that is this old (§5.1).
#[must_use]
pub fn age_field(age: Duration) -> HeaderValue {
    HeaderValue::from(age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_field_is_in_whole_seconds() {
        assert_eq!(age_field(Duration::from_millis(1_999)), "1");
    }
}
