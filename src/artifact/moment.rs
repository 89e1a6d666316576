//! `Moment`: a time of the registry, in milliseconds, and its one written form. Also the calendar that
//! every written time of the program stands on.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970 in UTC. Written `YYYY-MM-DD HH:MM:SS`, with `.mmm` unless that is zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment of a time; a time before 1970 is 1970.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// The last whole second.
    #[must_use]
    pub const fn whole_second(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }

    /// `self`, or the first moment behind `earlier` when the clock has not come further than that.
    #[must_use]
    pub fn after(self, earlier: Self) -> Self {
        self.max(Self(earlier.0.saturating_add(1)))
    }

    /// The form of `datetime.isoformat` with whole seconds, which readers of metrics know.
    #[must_use]
    pub fn iso(self) -> String {
        let text = self.whole_second().to_string();
        format!("{}+00:00", text.replace(' ', "T"))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, milliseconds) = (self.0 / 1000, self.0 % 1000);
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )?;
        match milliseconds {
            0 => Ok(()),
            milliseconds => write!(f, ".{milliseconds:03}"),
        }
    }
}

/// The text is no moment, or one before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    /// Reads what [`fmt::Display`] writes, and what others write for the same: `T` between day and time,
    /// `Z` or `+00:00` behind it, any number of decimals, of which three count.
    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let (day, time) = whole.split_once([' ', 'T']).ok_or(NoMoment)?;
        let [year, month, day] = numbers(day, '-').ok_or(NoMoment)?;
        let [hour, minute, second] = numbers(time, ':').ok_or(NoMoment)?;
        let is_time = hour < 24 && minute < 60 && second < 60;
        let days = days(year, month, day).filter(|_| is_time).ok_or(NoMoment)?;
        if !decimals.bytes().all(|digit| digit.is_ascii_digit()) || decimals.is_empty() {
            return Err(NoMoment);
        }
        let decimals = decimals.bytes().chain(*b"000").take(3);
        let milliseconds = decimals.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        Ok(Self(seconds * 1000 + milliseconds))
    }
}

/// Three numbers with this between them.
fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let is_number = part.len() <= 4 && part.bytes().all(|digit| digit.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 of a day of the calendar, by the eras of [`civil`].
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let years = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (years / 400, years % 400);
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    // What is no day of the calendar, such as 30 February, is another one.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar, counted in
/// eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
pub(crate) const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_written_when_there_are_some() {
        let whole = Moment(1_731_839_445_000);
        assert_eq!(whole.to_string(), "2024-11-17 10:30:45");
        assert_eq!(whole.iso(), "2024-11-17T10:30:45+00:00");
        assert_eq!(whole.after(whole).to_string(), "2024-11-17 10:30:45.001");
        assert_eq!(Moment(1_731_839_445_017).whole_second(), whole);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_no_time_is_refused() {
        for at in [0, 17, 951_782_400_000, 1_731_839_445_017, 4_102_444_799_999] {
            assert_eq!(Moment(at).to_string().parse(), Ok(Moment(at)));
        }
        for text in ["2024-11-17T10:30:45Z", "2024-11-17 10:30:45+00:00"] {
            assert_eq!(text.parse(), Ok(Moment(1_731_839_445_000)));
        }
        let read = "2024-11-17 10:30:45.0179999".parse();
        assert_eq!(read, Ok(Moment(1_731_839_445_017)));
        for text in [
            "",
            "2024-11-17",
            "2023-02-29 00:00:00",
            "2024-13-01 00:00:00",
            "2024-00-01 00:00:00",
            "2024-01-00 00:00:00",
            "2024-11-17 24:00:00",
            "2024-11-17 10:30:45.",
            "1969-12-31 23:59:59",
            "0000-01-01 00:00:00",
            "99999-01-01 00:00:00",
            "2024-11-17 10:30:45+01:00",
            "yesterday at noon",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NoMoment), "{text}");
        }
    }

    #[test]
    fn later_moments_are_later_as_text_too() {
        let moments = [0, 1, 999, 1000, 1001, 59_999, 60_000, 86_400_000];
        let texts: Vec<_> = moments.map(|at| Moment(at).to_string()).into();
        assert!(texts.is_sorted());
    }
}
