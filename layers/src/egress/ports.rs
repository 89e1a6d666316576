//! [`PortRange`].

use std::{fmt, str::FromStr};

/// Ports, written `443` or `1024-65535`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// The text is not a port or a range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPortRange;

impl PortRange {
    /// The ports from `first` to `last`, both included; none when they are in the wrong order.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    /// Whether `port` is one of them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl FromStr for PortRange {
    type Err = InvalidPortRange;

    fn from_str(text: &str) -> Result<Self, InvalidPortRange> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self::new(port(first)?, port(last)?);
        if range.first > range.last {
            return Err(InvalidPortRange);
        }
        Ok(range)
    }
}

/// A port that can be dialled, digits alone.
fn port(text: &str) -> Result<u16, InvalidPortRange> {
    let text = text.trim();
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    let port = is_number.then(|| text.parse().ok()).flatten();
    port.filter(|&port| port != 0).ok_or(InvalidPortRange)
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for InvalidPortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a port from 1 to 65535 or a range such as 1024-65535")
    }
}

impl std::error::Error for InvalidPortRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_port_or_two_with_a_dash() {
        assert_eq!("443".parse(), Ok(PortRange::new(443, 443)));
        assert_eq!("1024 - 65535".parse(), Ok(PortRange::new(1024, 65535)));
        for text in [
            "",
            "0",
            "0-80",
            "80-",
            "-80",
            "90-80",
            "65536",
            "+80",
            "80-90-100",
            "http",
        ] {
            assert_eq!(text.parse::<PortRange>(), Err(InvalidPortRange), "{text}");
        }
    }

    #[test]
    fn both_ends_belong_to_the_range() {
        let range = PortRange::new(1024, 2048);
        let inside = [1023, 1024, 2048, 2049].map(|port| range.contains(port));
        assert_eq!(inside, [false, true, true, false]);
    }
}
