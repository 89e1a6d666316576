//! Times as RFC 3339 writes them, in UTC.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// A time that shows itself as `2024-11-17T10:30:45Z`, or with milliseconds as `{:#}` demands.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(pub SystemTime);

const SECONDS_A_DAY: u64 = 86_400;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock before 1970 is not set at all.
        let elapsed = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (
            elapsed.as_secs() / SECONDS_A_DAY,
            elapsed.as_secs() % SECONDS_A_DAY,
        );
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if f.alternate() {
            write!(f, ".{:03}", elapsed.subsec_millis())?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a number of days since 1970, by the proleptic Gregorian calendar.
///
/// Years begin in March here, so that the leap day is the last of its year, and months follow the
/// pattern of five that have 153 days together.
const fn civil(days: u64) -> (u64, u64, u64) {
    /// From 0000-03-01 to 1970-01-01.
    const SHIFT: u64 = 719_468;
    const FOUR_CENTURIES: u64 = 146_097;
    let era = (days + SHIFT) / FOUR_CENTURIES;
    let day_of_era = (days + SHIFT) % FOUR_CENTURIES;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    #[test]
    fn known_moments_are_written_as_everybody_writes_them() {
        assert_eq!(at(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_731_839_445_999).to_string(), "2024-11-17T10:30:45Z");
        assert_eq!(
            format!("{:#}", at(1_731_839_445_007)),
            "2024-11-17T10:30:45.007Z"
        );
        assert_eq!(at(1_709_164_799_000).to_string(), "2024-02-28T23:59:59Z");
        assert_eq!(at(1_709_164_800_000).to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(at(4_107_542_400_000).to_string(), "2100-03-01T00:00:00Z");
        assert_eq!(
            Timestamp(UNIX_EPOCH - Duration::from_secs(1)).to_string(),
            "1970-01-01T00:00:00Z"
        );
    }

    proptest! {
        #[test]
        fn the_date_agrees_with_the_one_of_http(seconds in 0_u64..250_000_000_000) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let (year, month, day) = civil(seconds / SECONDS_A_DAY);
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months[usize::try_from(month - 1).unwrap()];
            let expected = format!("{day:02} {month} {year:04}");
            prop_assert!(httpdate::fmt_http_date(time).contains(&expected), "{}", expected);
        }
    }
}
