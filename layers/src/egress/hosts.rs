//! [`HostPattern`], and how a host is spelled before it is compared.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use url::Host;

/// Hosts by name: `example.com` that host alone, `*.example.com` every host below it, `*` every host.
/// An address stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Below(String),
    Exactly(Host),
}

/// The text is neither a host nor a pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHostPattern {
    /// The text.
    pub pattern: String,
}

impl HostPattern {
    /// Whether `host` is meant, in any spelling that means the same host.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        normalised(host).is_some_and(|host| self.covers(&by_reference(&host)))
    }

    /// The same for a host that is [`normalised`].
    pub(super) fn covers(&self, host: &Host<&str>) -> bool {
        match (&self.0, host) {
            (Pattern::Any, _) => true,
            (Pattern::Exactly(pattern), host) => by_reference(pattern) == *host,
            (Pattern::Below(parent), Host::Domain(name)) => {
                let sub = name.strip_suffix(parent.as_str());
                sub.is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
            }
            (Pattern::Below(_), _) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, InvalidHostPattern> {
        let pattern = match text.strip_prefix("*.") {
            _ if text == "*" => Some(Pattern::Any),
            Some(parent) => match normalised(parent) {
                Some(Host::Domain(parent)) => Some(Pattern::Below(parent)),
                _ => None,
            },
            None => normalised(text).map(Pattern::Exactly),
        };
        pattern
            .filter(|_| !text[1.min(text.len())..].contains('*'))
            .map(Self)
            .ok_or_else(|| InvalidHostPattern {
                pattern: text.to_owned(),
            })
    }
}

/// The one spelling of a host: lower case, ASCII, an address as an address whatever its notation, IPv4
/// out of its IPv6 mapping, no dot at the end. `None` for what is no host.
pub(super) fn normalised(host: &str) -> Option<Host> {
    let parsed = match host.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(host).ok()?,
    };
    match trimmed(&by_reference(&parsed))? {
        // What is left without its dot may be an address: `127.0.0.1.`
        Host::Domain(name) if name.len() < host.len() => Host::parse(name).ok(),
        known => Some(known.to_owned()),
    }
}

/// The last steps of [`normalised`], for a host that `url` has parsed.
pub(super) fn trimmed<'a>(host: &Host<&'a str>) -> Option<Host<&'a str>> {
    match host {
        // "example.com." is the same host to DNS, and must be to the rules.
        Host::Domain(name) => match name.trim_end_matches('.') {
            "" => None,
            name => Some(Host::Domain(name)),
        },
        Host::Ipv4(address) => Some(Host::Ipv4(*address)),
        Host::Ipv6(address) => Some(match address.to_canonical() {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        }),
    }
}

/// The same host, its name not copied.
pub(super) fn by_reference(host: &Host) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

impl fmt::Display for InvalidHostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a host, an address or a pattern such as *.example.com",
            self.pattern
        )
    }
}

impl std::error::Error for InvalidHostPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(host)
    }

    #[test]
    fn a_name_is_compared_in_one_spelling() {
        for host in [
            "example.com",
            "EXAMPLE.com",
            "example.com.",
            "ex%61mple.com",
        ] {
            assert!(matches("Example.com", host), "{host}");
            assert!(!matches("other.com", host), "{host}");
        }
        assert!(matches("bücher.example", "xn--bcher-kva.example"));
        assert!(matches("10.0.0.1", "0xa.1"));
        assert!(matches("10.0.0.1", "[::ffff:a00:1]"));
        assert!(matches("::1", "[0:0::1]"));
    }

    #[test]
    fn a_star_covers_what_is_below_and_nothing_else() {
        assert!(matches("*.example.com", "a.example.com"));
        assert!(matches("*.example.com", "a.b.example.com."));
        for host in [
            "example.com",
            "badexample.com",
            ".example.com",
            "example.com.evil.net",
            "10.0.0.1",
        ] {
            assert!(!matches("*.example.com", host), "{host}");
        }
        assert!(matches("*", "10.0.0.1") && matches("*", "example.com"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "*.",
            "*.*.example.com",
            "a.*.com",
            "**",
            "*.10.0.0.1",
            "a b",
            "http://a/",
            "a:80",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
