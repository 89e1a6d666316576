//! Section `egress`: which origins may be reached.

use ipnet::IpNet;

use super::{
    problem::Problems,
    setting::section,
    units::{InvalidPorts, PortRange},
};

section! {
    /// Which origins may be reached: hosts, addresses and ports. Loopback, private and other
    /// special-purpose addresses are refused until `allow_cidrs` names them.
    pub struct Egress {
        /// Special-purpose addresses that may be reached all the same, as CIDR ranges.
        pub allow_cidrs: Vec<IpNet> = Vec::new(),
        /// When not empty, only these hosts may be reached; `*.example.com` covers subdomains.
        pub allow_hosts: Vec<String> = Vec::new(),
        /// Hosts that may never be reached, written as in `allow_hosts`.
        pub deny_hosts: Vec<String> = Vec::new(),
        /// Ports that may be reached, single or as `from-to`.
        pub allow_ports: Vec<String> = vec!["80".into(), "443".into(), "1024-65535".into()],
    }
}

impl Egress {
    /// The ports that may be reached.
    ///
    /// # Errors
    /// When an entry is no port and no range of ports; a validated configuration has none.
    pub fn port_ranges(&self) -> Result<Vec<PortRange>, InvalidPorts> {
        self.allow_ports.iter().map(|text| text.parse()).collect()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.port_ranges() {
            problems.add("egress.allow_ports", error.to_string());
        }
        for (key, hosts) in [
            ("egress.allow_hosts", &self.allow_hosts),
            ("egress.deny_hosts", &self.deny_hosts),
        ] {
            for host in hosts.iter().filter(|host| !is_host_pattern(host)) {
                problems.add(
                    key,
                    format!("`{host}` is not a host; write `example.com` or `*.example.com`, without scheme, port or path"),
                );
            }
        }
        for host in self
            .allow_hosts
            .iter()
            .filter(|host| self.deny_hosts.contains(host))
        {
            problems.add(
                "egress.deny_hosts",
                format!("`{host}` is in `egress.allow_hosts` as well; remove it from one of them"),
            );
        }
    }
}

/// Whether `text` is a host name or address, or `*.` and a host name.
pub(super) fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    url::Host::parse(name).is_ok_and(|host| !matches!(host, url::Host::Ipv4(_)) || name == text)
        && !name.contains('*')
}

#[cfg(test)]
mod tests {
    use super::is_host_pattern;

    #[test]
    fn a_host_pattern_has_no_scheme_port_or_inner_star() {
        for good in [
            "example.com",
            "*.example.com",
            "192.0.2.7",
            "[2001:db8::1]",
            "a-b.c",
        ] {
            assert!(is_host_pattern(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "https://example.com",
            "example.com:80",
            "a.*.c",
            "a/b",
            "*.192.0.2.7",
        ] {
            assert!(!is_host_pattern(bad), "{bad}");
        }
    }
}
