//! HTTP dates (RFC 9110 §5.6.7): three formats read, one written.
//!
//! Reading is strict in shape and lenient in case, as a cache must be. The name of the day is not
//! compared with the date: origins that get it wrong still mean the date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

const MONTHS: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
const DAYS: [&[u8]; 7] = [
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
    b"sunday",
];
const SECONDS_PER_DAY: i64 = 86_400;
/// Mean Gregorian year, in seconds.
const SECONDS_PER_YEAR: u64 = 31_556_952;
/// The first second of the year 10000, which `IMF-fixdate` cannot write any more.
const END_OF_DATES: u64 = 253_402_300_800;

/// The time that `value` names, where no message tells what time it is: two-digit years stand for 1951
/// to 2050.
pub(super) fn parse_undated(value: &[u8]) -> Option<SystemTime> {
    parse(
        value,
        UNIX_EPOCH + Duration::from_secs(30 * SECONDS_PER_YEAR + SECONDS_PER_YEAR / 2),
    )
}

/// The time that `value` names, or `None` when it is not an HTTP date.
///
/// `reference` decides the century of the two-digit years of the obsolete RFC 850 format: "Recipients
/// […] MUST interpret a timestamp that appears to be more than 50 years in the future as representing
/// the most recent year in the past that had the same last two digits" (§5.6.7).
#[must_use]
pub fn parse(value: &[u8], reference: SystemTime) -> Option<SystemTime> {
    let value = super::list::trim(value);
    let civil = match value.len() {
        29 => imf_fixdate(value),
        24 => asctime(value),
        _ => rfc850(value, reference),
    };
    civil.and_then(|civil| civil.to_time())
}

/// `time` as a field value. A time that no HTTP date can express becomes the nearest that can.
#[must_use]
pub fn format(time: SystemTime) -> HeaderValue {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let time = UNIX_EPOCH + Duration::from_secs(seconds.min(END_OF_DATES - 1));
    HeaderValue::try_from(httpdate::fmt_http_date(time))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
}

impl Civil {
    fn to_time(&self) -> Option<SystemTime> {
        if self.day < 1 || self.day > days_in_month(self.year, self.month) {
            return None;
        }
        let seconds = self.days_since_epoch() * SECONDS_PER_DAY + self.second_of_day;
        let distance = Duration::from_secs(seconds.unsigned_abs());
        match seconds {
            0.. => UNIX_EPOCH.checked_add(distance),
            _ => UNIX_EPOCH.checked_sub(distance),
        }
    }

    /// Counts years from March, so that the leap day is the last of the year.
    const fn days_since_epoch(&self) -> i64 {
        let year = if self.month > 2 {
            self.year
        } else {
            self.year - 1
        };
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468
    }
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<Civil> {
    let (name, rest) = value.split_at_checked(3)?;
    let [
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        time @ ..,
    ] = rest
    else {
        return None;
    };
    is_short_day(name).then_some(Civil {
        year: number(&[*y1, *y2, *y3, *y4])?,
        month: month([*m1, *m2, *m3])?,
        day: number(&[*d1, *d2])?,
        second_of_day: time_and_zone(time)?,
    })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(value: &[u8], reference: SystemTime) -> Option<Civil> {
    let (name, rest) = value.split_at_checked(value.iter().position(|byte| *byte == b',')?)?;
    let [
        b',',
        b' ',
        d1,
        d2,
        b'-',
        m1,
        m2,
        m3,
        b'-',
        y1,
        y2,
        b' ',
        time @ ..,
    ] = rest
    else {
        return None;
    };
    DAYS.iter()
        .any(|day| day.eq_ignore_ascii_case(name))
        .then_some(Civil {
            year: full_year(number(&[*y1, *y2])?, reference),
            month: month([*m1, *m2, *m3])?,
            day: number(&[*d1, *d2])?,
            second_of_day: time_and_zone(time)?,
        })
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &[u8]) -> Option<Civil> {
    let (name, rest) = value.split_at_checked(3)?;
    let [b' ', m1, m2, m3, b' ', d1, d2, b' ', rest @ ..] = rest else {
        return None;
    };
    let (time, year) = rest.split_at_checked(8)?;
    let tens = if *d1 == b' ' { b'0' } else { *d1 };
    is_short_day(name).then_some(Civil {
        year: number(year.strip_prefix(b" ")?)?,
        month: month([*m1, *m2, *m3])?,
        day: number(&[tens, *d2])?,
        second_of_day: time_of_day(time)?,
    })
}

fn is_short_day(name: &[u8]) -> bool {
    DAYS.iter().any(|day| day[..3].eq_ignore_ascii_case(name))
}

fn month(name: [u8; 3]) -> Option<i64> {
    let index = MONTHS
        .as_chunks::<3>()
        .0
        .iter()
        .position(|month| month.eq_ignore_ascii_case(&name));
    i64::try_from(index?).ok().map(|index| index + 1)
}

/// "A cache recipient SHOULD consider a date with a zone abbreviation other than "GMT" to be invalid
/// for calculating expiration." (RFC 9111 §4.2)
fn time_and_zone(text: &[u8]) -> Option<i64> {
    let (time, zone) = text.split_at_checked(8)?;
    zone.eq_ignore_ascii_case(b" GMT")
        .then(|| time_of_day(time))?
}

/// A leap second counts as the first second of the next minute.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else {
        return None;
    };
    let hour = number(&[*h1, *h2])?;
    let minute = number(&[*m1, *m2])?;
    let second = number(&[*s1, *s2])?;
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn number(text: &[u8]) -> Option<i64> {
    super::list::digits(text).and_then(|number| i64::try_from(number).ok())
}

fn full_year(two_digits: i64, reference: SystemTime) -> i64 {
    let since_epoch = reference
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let reference_year = 1970 + i64::try_from(since_epoch / SECONDS_PER_YEAR).unwrap_or(0);
    let year = reference_year - reference_year % 100 + two_digits;
    if year > reference_year + 50 {
        year - 100
    } else {
        year
    }
}

#[cfg(test)]
#[path = "http_date_tests.rs"]
mod tests;
