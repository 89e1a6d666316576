//! `Content-Range` (RFC 9110 §14.4), written and read.

use std::ops::Range;

use http::HeaderValue;

use super::list;

/// The `Content-Range` of a 206.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte's position.
    pub first: u64,
    /// The last byte's position, included.
    pub last: u64,
    /// The length of the whole representation, when known.
    pub complete: Option<u64>,
}

impl ContentRange {
    /// Parses a field value strictly; `None` also for `bytes */N`, which selects no bytes.
    ///
    /// "A Content-Range field value is invalid if it contains a range-resp that has a last-pos value less
    /// than its first-pos value, or a complete-length value less than or equal to its last-pos value."
    #[must_use]
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (unit, rest) = value.as_bytes().split_at_checked(6)?;
        let mut halves = rest.split(|byte| *byte == b'/');
        let (range, complete) = (halves.next()?, halves.next()?);
        let mut positions = range.split(|byte| *byte == b'-');
        let (first, last) = (exact(positions.next()?)?, exact(positions.next()?)?);
        let complete = match complete {
            b"*" => None,
            digits => Some(exact(digits)?),
        };
        let is_valid = unit.eq_ignore_ascii_case(b"bytes ")
            && halves.next().is_none()
            && positions.next().is_none()
            && first <= last
            && complete.is_none_or(|complete| last < complete);
        is_valid.then_some(Self {
            first,
            last,
            complete,
        })
    }

    /// How many bytes it covers.
    #[must_use]
    pub const fn length(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// A number that `u64` holds; the largest stands for an overflow and is refused.
fn exact(text: &[u8]) -> Option<u64> {
    list::digits(text).filter(|number| *number < u64::MAX)
}

/// The `Content-Range` of a 206 with `range`, which must not be empty, of `length` bytes in all.
#[must_use]
pub fn content_range(range: &Range<u64>, length: Option<u64>) -> HeaderValue {
    let complete = length.map_or_else(|| "*".to_owned(), |length| length.to_string());
    value(&format!(
        "bytes {}-{}/{complete}",
        range.start,
        range.end.saturating_sub(1)
    ))
}

/// The `Content-Range` of a 416.
#[must_use]
pub fn unsatisfied_range(length: u64) -> HeaderValue {
    value(&format!("bytes */{length}"))
}

fn value(text: &str) -> HeaderValue {
    // Digits and punctuation are always a field value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<ContentRange> {
        ContentRange::parse(&HeaderValue::from_str(text).unwrap())
    }

    #[test]
    fn both_forms_are_read() {
        let range = ContentRange {
            first: 2,
            last: 4,
            complete: Some(10),
        };
        assert_eq!(parse("bytes 2-4/10"), Some(range));
        assert_eq!(
            parse("Bytes 2-4/*"),
            Some(ContentRange {
                complete: None,
                ..range
            })
        );
        assert_eq!(range.length(), 3);
    }

    #[test]
    fn anything_doubtful_is_refused() {
        for text in [
            "",
            "bytes",
            "bytes */10",
            "bytes 4-2/10",
            "bytes 2-10/10",
            "bytes 2-4",
            "bytes 2-4/",
            "bytes 2-4/10/10",
            "bytes 2-4-6/10",
            "bytes  2-4/10",
            "bytes 2 - 4/10",
            "bytes=2-4/10",
            "bytes -4/10",
            "bytes +2-4/10",
            "items 2-4/10",
            "bytes 2-4/10, bytes 2-4/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999999/*",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_416_tells_the_length() {
        assert_eq!(unsatisfied_range(0), "bytes */0");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(first in 0..u64::MAX / 4, more in 0..u64::MAX / 4, rest in 0..u64::MAX / 4) {
            let (last, complete) = (first + more, first + more + 1 + rest);
            for complete in [None, Some(complete)] {
                let written = content_range(&(first..last + 1), complete);
                prop_assert_eq!(ContentRange::parse(&written), Some(ContentRange { first, last, complete }));
            }
        }

        #[test]
        fn no_value_panics(text in "bytes [0-9*/-]{0,24}") {
            let _ = parse(&text).map(|range| range.length());
        }
    }
}
