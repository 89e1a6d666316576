//! Section `metrics`: the listener that serves only metrics and health.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::setting::section;

section! {
    /// The metrics listener. `/metrics` is on the main listener as well.
    pub struct Metrics {
        /// Whether there is a metrics listener.
        pub enabled: bool = true,
        /// Address to listen on; `0.0.0.0` for every interface.
        pub host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST),
        /// Port to listen on; 0 takes a free one.
        pub port: u16 = 9090,
    }
}

impl Metrics {
    /// The address to listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}
