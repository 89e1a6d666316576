//! Values of filters: numbers, times, orders, cursors. Bad ones are refused, never guessed at.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::invalid;
use crate::{
    api::ApiError,
    artifact::listing::{By, Order, Place, State},
    config::units::{Size, Span},
};

/// Names that a list can be ordered by: those of the fields.
const ORDERS: [(&str, By); 6] = [
    ("id", By::Id),
    ("first_cached_at", By::Id),
    ("source_url", By::Url),
    ("file_size", By::Size),
    ("last_accessed_at", By::Used),
    ("access_count", By::Hits),
];

/// `-last_accessed_at`, `file_size,id`: one field, `-` for the largest first. Equal ones are always in order
/// of number, which may be written down.
pub(super) fn order(text: &str) -> Result<Order, ApiError> {
    let field = text.strip_suffix(",id").unwrap_or(text);
    let field = field.strip_suffix(",-id").unwrap_or(field);
    let (name, is_descending) = match field.strip_prefix('-') {
        Some(name) => (name, true),
        None => (field, false),
    };
    let mut orders = ORDERS.iter();
    let found = orders.find(|(known, _)| *known == name);
    let reason = "must be id, first_cached_at, source_url, file_size, last_accessed_at or access_count, \
                  with - in front for the largest first";
    let (_, by) = found.ok_or(invalid("sort", reason))?;
    Ok(Order {
        by: *by,
        is_descending,
    })
}

/// The cursor of the page behind `place`. Clients hand it back and do not look inside.
pub(super) fn cursor(by: By, place: &Place) -> String {
    if by == By::Id {
        let id = place.0.last_chunk().map_or(0, |id| u64::from_be_bytes(*id));
        return format!("a{id:x}");
    }
    let digits = place.0.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("o".to_owned()).chain(digits).collect()
}

/// The place that a cursor of a list in this order stands for.
pub(super) fn place(by: By, cursor: &str) -> Result<Place, ApiError> {
    let bad = || invalid("cursor", "is not one that this list gave out");
    if by == By::Id {
        let digits = cursor.strip_prefix('a').ok_or_else(bad)?;
        let id = u64::from_str_radix(digits, 16).map_err(|_| bad())?;
        // The beginning has no place of its own.
        return Ok(if id == 0 { Place::default() } else { id.into() });
    }
    let digits = cursor.strip_prefix('o').ok_or_else(bad)?;
    let is_hex = digits.len() <= MAX_CURSOR && digits.bytes().all(|it| it.is_ascii_hexdigit());
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !is_hex {
        return Err(bad());
    }
    let pairs = (0..digits.len()).step_by(2);
    let bytes = pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| bad()));
    Ok(Place(bytes.collect::<Result<_, _>>()?))
}

/// Digits of the longest place: a key of 490 bytes.
const MAX_CURSOR: usize = 980;

pub(super) fn size(name: &'static str, text: &str) -> Result<u64, ApiError> {
    let size = text.parse::<Size>();
    size.map(|size| size.0)
        .map_err(|_| invalid(name, "must be a number of bytes, such as 4096 or 10MiB"))
}

/// So long ago, as `30d`.
pub(super) fn ago(name: &'static str, text: &str, now: SystemTime) -> Result<SystemTime, ApiError> {
    let span = text.parse::<Span>();
    let span = span.map_err(|_| invalid(name, "must be a duration, such as 30d or 12h"))?;
    Ok(now.checked_sub(span.0).unwrap_or(UNIX_EPOCH))
}

/// `2026-11-20` or `2026-11-20T10:30:00Z`.
pub(super) fn time(name: &'static str, text: &str) -> Result<SystemTime, ApiError> {
    let bad = || {
        invalid(
            name,
            "must be a time, such as 2026-11-20 or 2026-11-20T10:30:00Z",
        )
    };
    seconds(text)
        .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
        .ok_or_else(bad)
}

/// Seconds since 1970 of a date, or of a time in UTC.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = match text.strip_suffix('Z') {
        Some(moment) => moment.split_once('T')?,
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let is_date = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    if !is_date || day == 0 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59
    {
        return None;
    }
    let days =
        days_before(year) + (1..month).map(|month| days_in(year, month)).sum::<u64>() + day - 1;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = (2..=4).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    });
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

/// Days from 1970 to the first of January of a year.
fn days_before(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

const fn days_in(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(super) fn state(text: &str) -> Result<State, ApiError> {
    let mut words = State::WORDS.iter();
    let found = words.find(|(word, _)| *word == text);
    found
        .map(|(_, state)| *state)
        .ok_or(invalid("state", "must be current, stale or past"))
}

pub(super) fn flag(name: &'static str, text: &str) -> Result<bool, ApiError> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(invalid(name, "must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::timestamp::rfc3339;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2024-11-17T10:30:45Z",
            "2100-03-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(time("created_after", text).unwrap()), text);
        }
        let day = time("created_after", "2026-11-20").unwrap();
        assert_eq!(rfc3339(day), "2026-11-20T00:00:00Z");
        for text in [
            "",
            "x",
            "2026-02-29",
            "2026-13-01",
            "2026-11-20T24:00:00Z",
            "2026-11-20T10:30:00",
            "1969-01-01",
            "+026-11-20",
        ] {
            assert!(time("created_after", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_the_place_it_stands_for() {
        for id in [1, 4096, u64::MAX] {
            assert_eq!(
                place(By::Id, &cursor(By::Id, &id.into())).unwrap(),
                id.into()
            );
        }
        let there = Place(vec![b'l', 0, 255, 7]);
        assert_eq!(place(By::Url, &cursor(By::Url, &there)).unwrap(), there);
        for (by, text) in [
            (By::Id, "o00"),
            (By::Url, "a1"),
            (By::Url, "o"),
            (By::Url, "o0"),
            (By::Url, "oé0"),
        ] {
            assert!(place(by, text).is_err(), "{text}");
        }
    }
}
