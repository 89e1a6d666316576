//! Times as RFC 3339 in UTC with whole seconds, the form of every time in the API.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::artifact::moment::civil;

/// `2024-11-17T10:30:45Z`. A time before 1970 is shown as 1970.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_moments_are_shown_as_they_are_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_731_839_445, "2024-11-17T10:30:45Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn every_day_agrees_with_an_independent_calendar() {
        for day in 0..60_000_u64 {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400);
            // "Sun, 06 Nov 1994 08:49:37 GMT"
            let date = httpdate::fmt_http_date(time);
            let ours = rfc3339(time);
            assert_eq!(ours[8..10], date[5..7]);
            assert_eq!(ours[..4], date[12..16]);
        }
    }
}
