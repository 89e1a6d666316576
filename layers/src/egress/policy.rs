//! [`EgressPolicy`], the one rule that is asked at the URL, at dial and at each redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use url::Host;

use super::{
    address::{METADATA, embedded, special_purpose},
    denied::Denied,
    hosts::{HostPattern, by_reference, normalised, trimmed},
    ports::PortRange,
};
use crate::semantics::target_uri::TargetUri;

/// What an operator allows and denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRules {
    /// Special-purpose addresses that may be reached all the same; IPv4 ranges in IPv4 notation.
    pub allow_cidrs: Vec<IpNet>,
    /// When not empty, only these hosts may be reached.
    pub allow_hosts: Vec<HostPattern>,
    /// Hosts that may never be reached; stronger than `allow_hosts`.
    pub deny_hosts: Vec<HostPattern>,
    /// Ports that may be reached.
    pub allow_ports: Vec<PortRange>,
}

impl Default for EgressRules {
    /// Every host at an ordinary address, on ports 80, 443 and from 1024 up.
    fn default() -> Self {
        Self {
            allow_cidrs: Vec::new(),
            allow_hosts: Vec::new(),
            deny_hosts: Vec::new(),
            allow_ports: vec![
                PortRange::new(80, 80),
                PortRange::new(443, 443),
                PortRange::new(1024, u16::MAX),
            ],
        }
    }
}

/// Decides whether a host, an address and a port may be reached. Does no I/O.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    rules: EgressRules,
    own: Vec<SocketAddr>,
    endpoints: Vec<(Host, u16)>,
    /// `None` allows every bucket.
    buckets: Option<Vec<String>>,
}

impl EgressPolicy {
    /// A policy of these rules.
    #[must_use]
    pub fn new(rules: EgressRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Addresses of our own listeners, which are never dialled. One that listens on every interface
    /// (`0.0.0.0`, `::`) covers loopback; name the machine's other addresses too.
    #[must_use]
    pub fn with_own_addresses(mut self, addresses: &[SocketAddr]) -> Self {
        self.own.extend_from_slice(addresses);
        self
    }

    /// An endpoint that the configuration names, such as an object store inside: it may be reached
    /// whatever its address. Ignored when `host` is no host.
    #[must_use]
    pub fn with_endpoint(mut self, host: &str, port: u16) -> Self {
        self.endpoints
            .extend(normalised(host).map(|host| (host, port)));
        self
    }

    /// Only objects in these buckets may be asked for. Where their store is, is not judged here.
    #[must_use]
    pub fn with_buckets(mut self, buckets: Vec<String>) -> Self {
        self.buckets = Some(buckets);
        self
    }

    /// The same policy with other ports, as tunnels have.
    #[must_use]
    pub fn with_ports(mut self, allow_ports: Vec<PortRange>) -> Self {
        self.rules.allow_ports = allow_ports;
        self
    }

    /// May this URI be fetched, as far as it can be told without resolving its host?
    pub fn check_uri(&self, uri: &TargetUri) -> Result<(), Denied> {
        if let Some(object) = uri.object() {
            return self.check_bucket(&object.bucket);
        }
        if !matches!(uri.scheme(), "http" | "https") {
            return Err(Denied::by("scheme", uri.scheme()));
        }
        let host = uri.url().host().and_then(|host| trimmed(&host));
        let host = host.ok_or_else(|| Denied::by("host", uri.host()))?;
        self.check_known(&host, uri.port())
    }

    /// May this host be reached on this port, as far as it can be told without resolving it?
    pub fn check_authority(&self, host: &str, port: u16) -> Result<(), Denied> {
        let known = normalised(host).ok_or_else(|| Denied::by("host", host))?;
        self.check_known(&by_reference(&known), port)
    }

    fn check_known(&self, host: &Host<&str>, port: u16) -> Result<(), Denied> {
        let is_endpoint = self.is_endpoint(host, port);
        if !is_endpoint {
            self.check_port(port)?;
            self.check_host(host)?;
        }
        match literal(host) {
            Some(address) if is_endpoint => self.check_never(SocketAddr::new(address, port)),
            Some(address) => self.check_dial(SocketAddr::new(address, port)),
            None => Ok(()),
        }
    }

    /// May this address be dialled for `host`? As [`EgressPolicy::check_dial`], but a configured
    /// endpoint may have any address.
    pub fn check_resolved(&self, host: &str, address: SocketAddr) -> Result<(), Denied> {
        let known = normalised(host).ok_or_else(|| Denied::by("host", host))?;
        if self.is_endpoint(&by_reference(&known), address.port()) {
            self.check_never(address)
        } else {
            self.check_dial(address)
        }
    }

    /// May this address be dialled? Port 0, "not known yet", is no listener of ours.
    pub fn check_dial(&self, address: SocketAddr) -> Result<(), Denied> {
        self.check_never(address)?;
        self.check_address(address.ip())
    }

    /// May this address be dialled for an endpoint that the configuration names? Any but our own
    /// listeners and those of cloud metadata.
    pub fn check_endpoint(&self, address: SocketAddr) -> Result<(), Denied> {
        self.check_never(address)
    }

    /// May this address be reached on some port? Our own listeners are not known without one.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Denied> {
        check_metadata(address)?;
        let address = address.to_canonical();
        if let Some(class) = special_purpose(address)
            && !self.is_allowed(address)
        {
            return Err(Denied::by(class, address));
        }
        // A gateway that is allowed carries to what is behind it, so that must be allowed as well.
        inside(address).try_for_each(|behind| self.check_address(behind.into()))
    }

    /// All of these or none: a name that leads both outside and inside has no honest reason to, and
    /// which of its addresses answers would be the attacker's choice. Give out what was checked; a
    /// second look-up of the name may say something else.
    pub fn check_all(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Denied> {
        let mut each = addresses.iter();
        each.try_for_each(|&address| self.check_dial(address))?;
        Ok(addresses)
    }

    fn check_bucket(&self, bucket: &str) -> Result<(), Denied> {
        match &self.buckets {
            Some(buckets) if !buckets.iter().any(|known| known == bucket) => {
                Err(Denied::by("buckets", bucket))
            }
            _ => Ok(()),
        }
    }

    fn check_port(&self, port: u16) -> Result<(), Denied> {
        let mut ranges = self.rules.allow_ports.iter();
        if ranges.any(|range| range.contains(port)) {
            Ok(())
        } else {
            Err(Denied::by("allow_ports", format_args!("port {port}")))
        }
    }

    fn check_host(&self, host: &Host<&str>) -> Result<(), Denied> {
        let covered_by = |patterns: &[HostPattern]| patterns.iter().any(|known| known.covers(host));
        if covered_by(&self.rules.deny_hosts) {
            return Err(Denied::by("deny_hosts", host));
        }
        if !self.rules.allow_hosts.is_empty() && !covered_by(&self.rules.allow_hosts) {
            return Err(Denied::by("allow_hosts", host));
        }
        Ok(())
    }

    /// What no configuration opens.
    fn check_never(&self, address: SocketAddr) -> Result<(), Denied> {
        check_metadata(address.ip())?;
        if self.own.iter().any(|&own| is_listener(own, address)) {
            return Err(Denied::by("own_address", address));
        }
        Ok(())
    }

    fn is_endpoint(&self, host: &Host<&str>, port: u16) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|(known, at)| by_reference(known) == *host && *at == port)
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        self.rules
            .allow_cidrs
            .iter()
            .any(|net| net.contains(&address))
    }
}

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    }
}

fn check_metadata(address: IpAddr) -> Result<(), Denied> {
    let address = address.to_canonical();
    if METADATA.contains(&address)
        || inside(address).any(|behind| METADATA.contains(&behind.into()))
    {
        return Err(Denied::by("metadata", address));
    }
    Ok(())
}

fn inside(address: IpAddr) -> impl Iterator<Item = Ipv4Addr> {
    let address = match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    address.into_iter().flat_map(embedded)
}

/// Whether dialling `address` ends at the listener `own`.
fn is_listener(own: SocketAddr, address: SocketAddr) -> bool {
    let (listens, dialled) = (own.ip().to_canonical(), as_dialled(address.ip()));
    let everywhere = listens.is_unspecified() && dialled.is_loopback();
    own.port() == address.port() && (listens == dialled || everywhere)
}

/// The system connects to loopback when asked for no address.
fn as_dialled(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
