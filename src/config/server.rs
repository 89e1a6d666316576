//! Section `server`: where the cache listens, and the limits of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    metrics::Metrics,
    problem::Problems,
    setting::section,
    units::{Size, Span},
};

/// The least that hyper reads a request head into.
const LEAST_HEAD: Size = Size(8 << 10);

section! {
    /// The main listener and the limits of its connections.
    pub struct Server {
        /// Address to listen on; `0.0.0.0` for every interface.
        pub host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST),
        /// Port to listen on; 0 takes a free one.
        pub port: u16 = 8080,
        /// Connections served at once; further ones wait in the backlog.
        pub max_connections: usize = 10_000,
        /// Requests served at once; further ones get 503 with `Retry-After`.
        pub max_requests: usize = 4096,
        /// How long a client may take to send a request head, or stay idle between requests.
        pub header_timeout: Span = Span::seconds(30),
        /// How long a client may take no byte of a response before the connection is closed.
        pub write_timeout: Span = Span::seconds(120),
        /// The longest request target in bytes; longer ones get 414.
        pub max_target: Size = Size(8 << 10),
        /// The largest request head in bytes; larger ones get 431.
        pub max_head: Size = Size(64 << 10),
        /// How long a shutdown waits for transfers that are under way.
        pub drain_timeout: Span = Span::seconds(30),
    }
}

impl Server {
    /// The address to listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    pub(super) fn check(&self, metrics: &Metrics, problems: &mut Problems) {
        problems.positive("server.max_connections", self.max_connections as u128);
        problems.positive("server.max_requests", self.max_requests as u128);
        problems.positive("server.header_timeout", self.header_timeout.0.as_millis());
        problems.positive("server.write_timeout", self.write_timeout.0.as_millis());
        problems.positive("server.max_target", u128::from(self.max_target.0));
        if self.max_head < LEAST_HEAD {
            problems.add("server.max_head", format!("must be at least {LEAST_HEAD}"));
        }
        if self.max_target > self.max_head {
            problems.add(
                "server.max_target",
                format!(
                    "must not exceed `server.max_head` ({}): the target is part of the head",
                    self.max_head
                ),
            );
        }
        if metrics.enabled && collide(self.address(), metrics.address()) {
            problems.add(
                "metrics.port",
                format!("port {} is taken by the main listener; choose another port or set `metrics.enabled: false` (the main listener serves /metrics too)", self.port),
            );
        }
    }
}

/// Whether two listeners cannot both be bound. Port 0 is a different free port each time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}
