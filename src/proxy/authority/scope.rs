//! `Scope`: the hosts that an authority may vouch for, as X.509 name constraints (RFC 5280 §4.2.1.10).

use std::net::IpAddr;

use ipnet::IpNet;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

/// Hosts by name and address. Without any, every host is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names; each with all that end in it, since that is what a constraint says.
    domains: Vec<String>,
    networks: Vec<IpNet>,
}

/// The text is no host that an authority can be bound to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host; write `example.com`, `*.example.com`, an address or a CIDR range")]
pub struct InvalidScope(String);

impl Scope {
    /// The scope of these patterns: `example.com` and `*.example.com` both mean the name and all below
    /// it; an address stands for itself, a CIDR range for its addresses.
    ///
    /// # Errors
    /// At the first that is none of these.
    pub fn parse(patterns: &[String]) -> Result<Self, InvalidScope> {
        let mut scope = Self::default();
        for pattern in patterns {
            let bare = pattern.trim_matches(['[', ']']);
            if let Ok(network) = bare.parse::<IpNet>() {
                scope.networks.push(network);
            } else if let Ok(address) = bare.parse::<IpAddr>() {
                scope.networks.push(address.into());
            } else {
                scope.domains.push(domain(pattern)?);
            }
        }
        Ok(scope)
    }

    /// What the certificate permits. Constraints that only exclude are ours to write, not to read.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut scope = Self::default();
        let Ok(Some(constraints)) = certificate.name_constraints() else {
            return scope;
        };
        for subtree in constraints.value.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => {
                    scope
                        .domains
                        .push(name.trim_start_matches('.').to_lowercase());
                }
                GeneralName::IPAddress(bytes) => scope.networks.extend(network(bytes)),
                _ => {}
            }
        }
        scope
    }

    /// Whether any host is meant.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.domains.is_empty() && self.networks.is_empty()
    }

    /// Whether `host` is meant; addresses with or without brackets.
    pub(super) fn permits(&self, host: &str) -> bool {
        if self.is_everything() {
            return true;
        }
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self
                .networks
                .iter()
                .any(|network| network.contains(&address)),
            Err(_) => self.domains.iter().any(|domain| is_below(host, domain)),
        }
    }

    /// The hosts as they are written.
    pub(super) fn hosts(&self) -> Vec<String> {
        let domains = self.domains.iter().cloned();
        domains
            .chain(self.networks.iter().map(ToString::to_string))
            .collect()
    }

    /// The constraints that say so. A kind of name without a permitted one would be permitted in whole,
    /// hence the exclusions.
    pub(super) fn constraints(&self) -> Option<NameConstraints> {
        if self.is_everything() {
            return None;
        }
        let domains = self.domains.iter().cloned().map(GeneralSubtree::DnsName);
        let networks = self.networks.iter().map(|network| {
            let (address, prefix) = (network.network(), network.prefix_len());
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
        });
        let mut excluded = Vec::new();
        if self.domains.is_empty() {
            excluded.push(GeneralSubtree::DnsName(String::new()));
        }
        let is_v4 = |network: &IpNet| network.addr().is_ipv4();
        if !self.networks.iter().any(is_v4) {
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(
                [0; 4], 0,
            )));
        }
        if self.networks.iter().all(is_v4) {
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                [0; 16], 0,
            )));
        }
        Some(NameConstraints {
            permitted_subtrees: domains.chain(networks).collect(),
            excluded_subtrees: excluded,
        })
    }
}

fn domain(pattern: &str) -> Result<String, InvalidScope> {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) if !name.contains('*') => Ok(name),
        _ => Err(InvalidScope(pattern.to_owned())),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// An address and its mask, one after the other.
fn network(bytes: &[u8]) -> Option<IpNet> {
    let address = |bytes: &[u8]| match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    };
    let (base, mask) = bytes.split_at(bytes.len() / 2);
    IpNet::with_netmask(address(base)?, address(mask)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(patterns: &[&str]) -> Scope {
        let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        Scope::parse(&patterns).unwrap()
    }

    #[test]
    fn a_name_means_all_below_it_and_nothing_beside_it() {
        let scope = scope(&[
            "*.example.com",
            "Example.org",
            "10.0.0.0/8",
            "[2001:db8::1]",
        ]);
        for host in [
            "a.example.com",
            "example.com",
            "X.example.ORG",
            "10.1.2.3",
            "[2001:db8::1]",
        ] {
            assert!(scope.permits(host), "{host}");
        }
        for host in ["notexample.com", "example.net", "11.0.0.1", "2001:db8::2"] {
            assert!(!scope.permits(host), "{host}");
        }
        assert!(Scope::default().permits("example.net"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in ["", "*", "a.*.b", "https://example.com", "example.com:443"] {
            assert!(Scope::parse(&[bad.into()]).is_err(), "{bad}");
        }
    }
}
