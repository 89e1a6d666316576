//! Numbers, sizes, times and URLs as people read them.

use std::time::{Duration, SystemTime};

use super::super::timestamp::rfc3339;

/// A moment.
pub(super) struct When {
    /// As machines write it.
    pub(super) iso: String,
    /// As people say it.
    pub(super) ago: String,
}

impl When {
    pub(super) fn of(time: SystemTime, now: SystemTime) -> Self {
        let ago = match now.duration_since(time) {
            Ok(since) if since.as_secs() < 5 => "just now".to_owned(),
            Ok(since) => format!("{} ago", span(since)),
            Err(ahead) => format!("in {}", span(ahead.duration())),
        };
        let iso = rfc3339(time);
        Self { iso, ago }
    }
}

/// A span of time by its largest unit.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How long a request takes.
pub(super) fn took(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..10_000 => format!("{millis} ms"),
        millis => format!("{} s", millis / 1000),
    }
}

/// A number of bytes with the unit that suits it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let unit = usize::try_from(bytes.ilog2() / 10).unwrap_or(0);
    // Three digits are enough, rounded to nearest.
    let value = approximate(bytes) / approximate(1 << (10 * unit));
    let digits = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A number with a comma after each three digits.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share of a whole in percent; a dash where there is no whole.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = approximate(part) * 100.0 / approximate(whole);
    // Only all of it is all of it.
    if part < whole && percent > 99.9 {
        return "99.9 %".to_owned();
    }
    format!("{percent:.1} %")
}

/// A number that is only shown or drawn.
#[expect(
    clippy::cast_precision_loss,
    reason = "it is rounded to a few digits anyhow"
)]
pub(super) const fn approximate(number: u64) -> f64 {
    number as f64
}

/// The last part of a URL, by which people know an artifact, and what is before it.
pub(super) fn parts(url: &str) -> (String, String) {
    let (path, query) = url
        .split_once('?')
        .map_or((url, ""), |(path, query)| (path, query));
    let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    let name = rest.rsplit_once('/').map_or(rest, |(_, name)| name);
    let name = if query.is_empty() {
        name.to_owned()
    } else {
        format!("{name}?{query}")
    };
    let place = url.strip_suffix(&name).unwrap_or(url);
    (name, place.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1_572_864, "1.50 MiB"),
            (10_239, "10.0 KiB"),
            (1 << 40, "1.00 TiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn counts_have_commas_and_shares_are_honest() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(999_999, 1_000_000), "99.9 %");
        assert_eq!(percent(5, 5), "100.0 %");
        assert_eq!(percent(1, 3), "33.3 %");
    }

    #[test]
    fn urls_are_known_by_their_last_part() {
        let both = |url| parts(url);
        let pair = |name: &str, place: &str| (name.to_owned(), place.to_owned());
        assert_eq!(
            both("https://example.com/a/b.tar.gz"),
            pair("b.tar.gz", "https://example.com/a")
        );
        assert_eq!(
            both("https://example.com/simple/x/"),
            pair("x", "https://example.com/simple/x")
        );
        assert_eq!(
            both("https://example.com/a?b=/c"),
            pair("a?b=/c", "https://example.com")
        );
        assert_eq!(
            both("https://example.com/"),
            pair("example.com", "https://example.com")
        );
    }

    #[test]
    fn moments_are_told_by_their_distance() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(When::of(at(100), at(103)).ago, "just now");
        assert_eq!(When::of(at(0), at(7200)).ago, "2 h ago");
        assert_eq!(When::of(at(90), at(0)).ago, "in 1 min");
    }
}
