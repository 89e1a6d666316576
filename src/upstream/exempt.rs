//! `Exempt`: hosts by the rules of `NO_PROXY`, as the usual clients agree on them.

use std::net::IpAddr;

use ipnet::IpNet;

/// A list of hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Exempt(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    Network(IpNet),
    /// A host, without its subdomains.
    Host(String),
    /// What ends with this, dot included.
    Suffix(String),
    /// A host and its subdomains.
    Domain(String),
}

impl Exempt {
    /// `*`, `host` with its subdomains, `.suffix`, `*.suffix`, an address, a CIDR range; each but the
    /// last with a port if it is meant for one only.
    pub(super) fn new(texts: &[String]) -> Self {
        let entries = texts.iter().map(|text| text.trim().to_ascii_lowercase());
        Self(
            entries
                .filter(|text| !text.is_empty())
                .map(|text| entry(&text, Hosts::Domain))
                .collect(),
        )
    }

    /// The same for one host, which does not stand for its subdomains.
    pub(super) fn exactly(text: &str) -> Self {
        Self(vec![entry(&text.trim().to_ascii_lowercase(), Hosts::Host)])
    }

    /// Whether a host, normalised as in a URL, is on the list.
    pub(super) fn contains(&self, host: &str, port: u16) -> bool {
        let is_port = |entry: &&Entry| entry.port.is_none_or(|only| only == port);
        self.0
            .iter()
            .filter(is_port)
            .any(|entry| entry.hosts.contain(host))
    }
}

fn entry(text: &str, named: fn(String) -> Hosts) -> Entry {
    if let Ok(network) = text.parse::<IpNet>() {
        let (hosts, port) = (Hosts::Network(network), None);
        return Entry { hosts, port };
    }
    let (host, port) = with_port(text);
    let bare = host.trim_matches(['[', ']']);
    let hosts = match bare.parse::<IpAddr>() {
        Ok(address) => Hosts::Network(address.into()),
        Err(_) if host == "*" => Hosts::All,
        Err(_) => match host.strip_prefix('*').unwrap_or(host) {
            suffix if suffix.starts_with('.') => Hosts::Suffix(suffix.to_owned()),
            name => named(name.to_owned()),
        },
    };
    Entry { hosts, port }
}

fn with_port(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        // A colon more is an IPv6 address without a port, unless it stands in brackets.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

impl Hosts {
    fn contain(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => {
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                address.is_ok_and(|address| network.contains(&address.to_canonical()))
            }
            Self::Host(name) => host == name,
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
            Self::Domain(name) => {
                let below = host.strip_suffix(name.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_mean_what_they_usually_mean() {
        let list = [
            "a.example",
            ".b.example",
            "*.c.example",
            "d.example:81",
            "10.0.0.0/8",
            "::1",
            "[fd00::1]:82",
        ];
        let list = Exempt::new(&list.map(str::to_owned));
        for (host, port) in [
            ("a.example", 80),
            ("x.a.example", 443),
            ("x.b.example", 1),
            ("x.c.example", 1),
            ("d.example", 81),
            ("10.1.2.3", 1),
            ("[::1]", 1),
            ("[fd00::1]", 82),
        ] {
            assert!(list.contains(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("xa.example", 80),
            ("b.example", 1),
            ("d.example", 80),
            ("11.0.0.1", 1),
            ("a.example.evil.example", 1),
            ("[fd00::1]", 81),
        ] {
            assert!(!list.contains(host, port), "{host}:{port}");
        }
        assert!(Exempt::new(&["*".to_owned()]).contains("any.example", 1));
        assert!(!Exempt::new(&[]).contains("any.example", 1));
    }

    #[test]
    fn a_route_names_a_host_and_not_its_subdomains() {
        let route = Exempt::exactly("A.example");
        assert!(route.contains("a.example", 1) && !route.contains("x.a.example", 1));
        assert!(Exempt::exactly("*.a.example").contains("x.a.example", 1));
    }
}
