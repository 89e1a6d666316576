//! `Moment`: a time of the registry, in milliseconds, and its one written form. Also the calendar that
//! every written time of the program stands on.

use std::{
    fmt,
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
    fn later_moments_are_later_as_text_too() {
        let moments = [0, 1, 999, 1000, 1001, 59_999, 60_000, 86_400_000];
        let texts: Vec<_> = moments.map(|at| Moment(at).to_string()).into();
        assert!(texts.is_sorted());
    }
}
