//! `Ports`: a set of ports, written as single ones and as ranges.

use std::{ops::RangeInclusive, str::FromStr as _};

/// A set of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

/// A text is neither a port nor a range of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a port nor a range like `8000-8999`")]
pub struct InvalidPorts(String);

impl Ports {
    /// The ports that `texts` name, each `443` or `8000-8999`.
    ///
    /// # Errors
    /// At the first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, InvalidPorts> {
        let parsed = texts
            .iter()
            .map(|text| parse(text).ok_or_else(|| InvalidPorts(text.clone())));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether `port` is one of them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (
        u16::from_str(from.trim()).ok()?,
        u16::from_str(to.trim()).ok()?,
    );
    (from > 0 && from <= to).then_some(from..=to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(texts: &[&str]) -> Result<Ports, InvalidPorts> {
        Ports::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn single_ports_and_ranges_are_understood() {
        let ports = ports(&["443", "8000-8002"]).unwrap();
        let inside: Vec<u16> = (1..10_000).filter(|port| ports.contains(*port)).collect();
        assert_eq!(inside, [443, 8000, 8001, 8002]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "x", "0", "65536", "9-8", "1-", "-1", "1-2-3", "*"] {
            assert_eq!(ports(&[text]), Err(InvalidPorts(text.into())));
        }
    }
}
