//! Durations as `5s` or `2m`, sizes as `10GiB` or bytes, and ranges of ports, as configuration writes them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::setting::{Kind, Setting};

/// A span of time, written `500ms`, `5s`, `2m`, `1h`, `7d` or as a number of seconds. Shown in the
/// largest unit that keeps it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written `64KiB`, `10GiB`, `1GB` or as a plain number. Shown in the largest binary
/// unit that keeps it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Ports from the first to the second, both included, written `443` or `1024-65535`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange(u16, u16);

/// The text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no duration; write a whole number with ms, s, m, h or d, such as `30s`")]
pub struct InvalidSpan(String);

/// The text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no size; write a whole number of bytes, or one with KiB, MiB, GiB, TiB, KB, MB, GB or TB, such as `10GiB`"
)]
pub struct InvalidSize(String);

/// The text is no range of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port and no range of ports; write `443` or `1024-65535`")]
pub struct InvalidPorts(String);

/// Units of time in milliseconds, largest first.
const SPANS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Units of size in bytes; the binary ones first and largest first, as they are shown.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("B", 1),
];
const BINARY_SIZES: usize = 4;

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl PortRange {
    /// Whether `port` lies in the range.
    #[must_use]
    pub const fn contains(&self, port: u16) -> bool {
        self.0 <= port && port <= self.1
    }

    /// Whether one of `ranges` covers this whole range.
    #[must_use]
    pub fn is_within(&self, ranges: &[Self]) -> bool {
        ranges
            .iter()
            .any(|range| range.contains(self.0) && range.contains(self.1))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        quantity(text, &SPANS, 1000)
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or_else(|| InvalidSpan(text.into()))
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        quantity(text, &SIZES, 1)
            .map(Self)
            .ok_or_else(|| InvalidSize(text.into()))
    }
}

impl FromStr for PortRange {
    type Err = InvalidPorts;

    fn from_str(text: &str) -> Result<Self, InvalidPorts> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self(first, last)),
            _ => Err(InvalidPorts(text.into())),
        }
    }
}

/// A whole number with one of `units`, or without a unit as a multiple of `plain`.
fn quantity(text: &str, units: &[(&str, u64)], plain: u64) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "" => plain,
        unit => {
            units
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
                .1
        }
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds == 0 {
            return f.write_str("0s");
        }
        write_quantity(f, milliseconds, &SPANS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        write_quantity(f, u128::from(self.0), &SIZES[..BINARY_SIZES])
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{}-{}", self.0, self.1)
        }
    }
}

fn write_quantity(f: &mut fmt::Formatter<'_>, amount: u128, units: &[(&str, u64)]) -> fmt::Result {
    match units
        .iter()
        .find(|(_, factor)| amount.is_multiple_of(u128::from(*factor)))
    {
        Some((unit, factor)) => write!(f, "{}{unit}", amount / u128::from(*factor)),
        None => write!(f, "{amount}"),
    }
}

/// Written as text in configuration, but a plain number is read as well.
macro_rules! quantity_in_configuration {
    ($type:ident, $kind:ident) => {
        impl Setting for $type {
            const KIND: Kind = Kind::$kind;
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Written {
                    Number(u64),
                    Text(String),
                    Fraction(f64),
                }
                let text = match Written::deserialize(deserializer)? {
                    Written::Number(number) => number.to_string(),
                    Written::Text(text) => text,
                    Written::Fraction(fraction) => fraction.to_string(),
                };
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

quantity_in_configuration!(Span, Span);
quantity_in_configuration!(Size, Size);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        let milliseconds = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        for (text, expected) in [
            ("500ms", 500),
            ("5s", 5000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
            ("90", 90_000),
            (" 5 s ", 5000),
            ("0", 0),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "-5s",
            "5x",
            "1.5h",
            "5s5s",
            "99999999999999999999d",
            "20000000000000000d",
        ] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_binary_and_decimal_units() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("64KiB", 64 << 10),
            ("10GiB", 10 << 30),
            ("10 gib", 10 << 30),
            ("1GB", 1_000_000_000),
            ("2TiB", 2 << 40),
            ("7B", 7),
        ] {
            assert_eq!(text.parse(), Ok(Size(expected)), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "10G", "99999999TiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_quantity_is_shown_in_its_largest_whole_unit() {
        assert_eq!(Span::seconds(90).to_string(), "90s");
        assert_eq!(Span::seconds(86_400).to_string(), "1d");
        assert_eq!(Span(Duration::from_millis(1500)).to_string(), "1500ms");
        assert_eq!(Size(256 << 20).to_string(), "256MiB");
        assert_eq!(Size(1_000_000_000).to_string(), "1000000000");
    }

    #[test]
    fn ports_are_single_or_a_range() {
        let range: PortRange = "1024-65535".parse().unwrap();
        assert!(range.contains(1024) && range.contains(65535) && !range.contains(80));
        assert!("8080".parse::<PortRange>().unwrap().is_within(&[range]));
        for text in ["", "0", "80-", "90-80", "70000", "http"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(milliseconds: u64, bytes: u64) {
            let span = Span(Duration::from_millis(milliseconds));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            let size = Size(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
