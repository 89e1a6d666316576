//! Section `proxy`: the forward proxy.

use super::{
    egress::Egress,
    problem::Problems,
    setting::section,
    units::{InvalidPorts, PortRange, Span},
};

section! {
    /// The forward proxy and its tunnels.
    pub struct Proxy {
        /// Whether absolute-form requests and CONNECT are served.
        pub enabled: bool = true,
        /// Our name in `Via`. Caches that stand in one row need a name each: a request that has passed
        /// this one before is a loop.
        pub via: String = "artifact-cache".into(),
        /// Ports that CONNECT may reach, single or as `from-to`.
        pub connect_ports: Vec<String> = vec!["443".into()],
        /// Longest silence on a tunnel, both ways.
        pub tunnel_idle_timeout: Span = Span::seconds(600),
        /// Tunnels open at once.
        pub max_tunnels: usize = 4096,
    }
}

impl Proxy {
    /// The ports that CONNECT may reach.
    ///
    /// # Errors
    /// When an entry is no port and no range of ports; a validated configuration has none.
    pub fn connect_port_ranges(&self) -> Result<Vec<PortRange>, InvalidPorts> {
        self.connect_ports.iter().map(|text| text.parse()).collect()
    }

    pub(super) fn check(&self, egress: &Egress, problems: &mut Problems) {
        problems.positive(
            "proxy.tunnel_idle_timeout",
            self.tunnel_idle_timeout.0.as_millis(),
        );
        problems.positive("proxy.max_tunnels", self.max_tunnels as u128);
        let is_name_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:[]".contains(&byte);
        if self.via.is_empty() || !self.via.bytes().all(is_name_byte) {
            problems.add(
                "proxy.via",
                "must be a token, or a host with an optional port",
            );
        }
        match (self.connect_port_ranges(), egress.port_ranges()) {
            (Ok(tunnels), Ok(allowed)) if self.connect_ports != Self::default().connect_ports => {
                for range in tunnels.iter().filter(|range| !range.is_within(&allowed)) {
                    problems.add(
                        "proxy.connect_ports",
                        format!("`{range}` is refused by `egress.allow_ports`, so no tunnel to it can open; add it there or remove it here"),
                    );
                }
            }
            (Err(error), _) => problems.add("proxy.connect_ports", error.to_string()),
            // Nobody asked for the default, and what is wrong with `allow_ports` is reported there.
            (Ok(_), _) => {}
        }
    }
}
