//! Range requests: what a request selects of a whole representation (RFC 9110 §14). Neither the status
//! nor the preconditions of the request are its business: a range counts only where the answer would
//! be a 200, after `precondition`.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Method, header};

use super::{entity_tag, http_date, list, validation::is_modified_strong};

pub use super::{
    content_range::{ContentRange, content_range, unsatisfied_range},
    multipart::Multipart,
};

/// More ranges than this are answered with the whole: "A server that supports range requests MAY ignore
/// or reject a Range header field that contains […] a ranges-specifier with more than two overlapping
/// ranges or a set of many small ranges […] since they are indications of either a broken client or a
/// denial-of-service attack" (§14.2).
pub const MAX_RANGES: usize = 16;

/// What a request selects of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All of it: 200.
    Whole,
    /// One range: 206.
    One(Range<u64>),
    /// Several ranges that do not overlap: 206 `multipart/byteranges`.
    Many(Vec<Range<u64>>),
    /// No byte of it: 416.
    Unsatisfiable,
}

/// One range as the client wrote it, in bytes (§14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// From a position to the end.
    From(u64),
    /// Between two positions, both included.
    Between(u64, u64),
    /// The last so many.
    Last(u64),
}

/// What `request` selects of a representation of `length` bytes with `fields`.
#[must_use]
pub fn select(method: &Method, request: &HeaderMap, fields: &HeaderMap, length: u64) -> Selected {
    // "A server MUST ignore a Range header field received with a request method that is unrecognized or
    // for which range handling is not defined. For this specification, GET is the only method for which
    // range handling is defined." (§14.2)
    let Some(specs) = applicable(method, request, fields) else {
        return Selected::Whole;
    };
    let ranges: Vec<_> = specs
        .iter()
        .filter_map(|spec| spec.within(length))
        .collect();
    match <[Range<u64>; 1]>::try_from(disjoint(ranges)) {
        Ok([range]) => Selected::One(range),
        Err(none) if none.is_empty() => Selected::Unsatisfiable,
        Err(several) => Selected::Many(several),
    }
}

/// The ranges that `request` asks for of a representation with `fields`, which must be answered by a
/// part; `None` when it is to be answered by the whole.
#[must_use]
pub fn applicable(
    method: &Method,
    request: &HeaderMap,
    fields: &HeaderMap,
) -> Option<Vec<RangeSpec>> {
    if method != Method::GET || !if_range_holds(request, fields) {
        return None;
    }
    requested(request)
}

/// The ranges that a request asks for: at least one, at most [`MAX_RANGES`]. `None` when there is no
/// `Range` field, or one that is to be ignored: several lines, another unit, malformed, too many.
#[must_use]
pub fn requested(request: &HeaderMap) -> Option<Vec<RangeSpec>> {
    let mut lines = request.get_all(header::RANGE).into_iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    let value = list::trim(line.as_bytes());
    let (unit, set) = value.split_at_checked(value.iter().position(|byte| *byte == b'=')?)?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let specs = list::members(&set[1..])
        .take(MAX_RANGES + 1)
        .map(RangeSpec::parse);
    let specs: Vec<_> = specs.collect::<Option<_>>()?;
    (!specs.is_empty() && specs.len() <= MAX_RANGES).then_some(specs)
}

/// Where the only range of a request starts, when that does not depend on the length: from there a body
/// whose length is not known yet can be served.
#[must_use]
pub fn first_range_start(request: &HeaderMap) -> Option<u64> {
    match requested(request)?.as_slice() {
        [RangeSpec::From(first) | RangeSpec::Between(first, _)] => Some(*first),
        _ => None,
    }
}

impl RangeSpec {
    /// "An int-range with a last-pos value less than its first-pos value is invalid" (§14.1.1), which
    /// makes the whole set invalid.
    fn parse(text: &[u8]) -> Option<Self> {
        let (first, last) = text.split_at_checked(text.iter().position(|byte| *byte == b'-')?)?;
        match (list::trim(first), list::trim(&last[1..])) {
            (b"", last) => list::digits(last).map(Self::Last),
            (first, b"") => list::digits(first).map(Self::From),
            (first, last) => {
                let (first, last) = (list::digits(first)?, list::digits(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// The bytes it selects, `None` when it is not satisfiable. "If the selected representation is
    /// shorter than the specified suffix-length, the entire representation is used." (§14.1.2)
    fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first) => first..length,
            Self::Between(first, last) => first..last.saturating_add(1).min(length),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// `ranges` in the order asked for; when any two overlap, joined in ascending order: "A server that
/// generates a multipart response to a request for multiple ranges MAY coalesce any of the ranges that
/// overlap" (§15.3.7.2). So no byte is ever sent twice for one request.
fn disjoint(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted = ranges.clone();
    sorted.sort_unstable_by_key(|range| range.start);
    if sorted.is_sorted_by(|one, next| one.end <= next.start) {
        return ranges;
    }
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// "If the validator given in the If-Range header field matches the current validator for the selected
/// representation of the target resource, then the client wants the server to process the Range header
/// field as requested" (§13.1.5): an entity tag by strong comparison, a date exactly and only if it is
/// a strong validator.
fn if_range_holds(request: &HeaderMap, fields: &HeaderMap) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).into_iter();
    let Some(validator) = lines.next() else {
        return true;
    };
    let validator = list::trim(validator.as_bytes());
    if lines.next().is_some() {
        return false;
    }
    let is = |name, same: fn(&[u8], &[u8]) -> bool| {
        fields
            .get(name)
            .is_some_and(|value: &HeaderValue| same(validator, value.as_bytes()))
    };
    is(header::ETAG, entity_tag::matches_strongly)
        || (is(header::LAST_MODIFIED, same_date) && is_modified_strong(fields))
}

fn same_date(one: &[u8], other: &[u8]) -> bool {
    http_date::parse_undated(one).is_some_and(|date| http_date::parse_undated(other) == Some(date))
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
