//! Section `server`: where the cache listens, and the limits of a connection.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;

use super::{
    metrics::Metrics,
    problem::Problems,
    setting::{choice, section},
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
        /// Whether the main listener speaks TLS, with the certificates of `tls`.
        pub tls: bool = false,
        /// Further listeners, as `http://ADDRESS:PORT` or `https://ADDRESS:PORT`. They serve the same
        /// requests, or with `?profile=metrics`, `resolve`, `registry` or `data-bank` behind it only that part.
        pub listeners: Vec<String> = Vec::new(),
        /// Load balancers, as CIDR ranges, whose connections begin with a PROXY protocol header
        /// (version 1 or 2) that names the client. From them it is demanded, from others never read.
        pub proxy_protocol_from: Vec<IpNet> = Vec::new(),
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
        /// Requests that one HTTP/2 connection may have open at once.
        pub max_streams: u32 = 128,
        /// How long a shutdown waits for transfers that are under way.
        pub drain_timeout: Span = Span::seconds(30),
    }
}

choice! {
    /// What a listener serves.
    pub enum Profile {
        /// Everything.
        All = "all",
        /// Metrics and health.
        Metrics = "metrics",
        /// `POST /resolve`, also as `POST /`, and health.
        Resolve = "resolve",
        /// The registry of models and health.
        Registry = "registry",
        /// Files, pointers and health.
        DataBank = "data-bank",
    }
}

/// A listener beside the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Further {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What it serves.
    pub profile: Profile,
}

/// The text names no listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no listener; write `http://127.0.0.1:8081` or `https://[::]:8443`, and `?profile=` with `metrics`, `resolve`, `registry` or `data-bank` where it serves only that"
)]
pub struct InvalidListener(String);

impl FromStr for Further {
    type Err = InvalidListener;

    fn from_str(text: &str) -> Result<Self, InvalidListener> {
        let invalid = || InvalidListener(text.to_owned());
        let (scheme, address) = text.split_once("://").ok_or_else(invalid)?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(invalid()),
        };
        let (address, profile) = match address.split_once("?profile=") {
            Some((address, word)) => (address, word.parse().map_err(|_| invalid())?),
            None => (address, Profile::All),
        };
        let address = address.trim_end_matches('/').parse();
        let address = address.map_err(|_| invalid())?;
        Ok(Self {
            address,
            tls,
            profile,
        })
    }
}

impl Server {
    /// The address to listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The listeners beside the main one.
    ///
    /// # Errors
    /// When an entry names no listener; a validated configuration has none.
    pub fn further(&self) -> Result<Vec<Further>, InvalidListener> {
        self.listeners.iter().map(|text| text.parse()).collect()
    }

    /// Whether any listener speaks TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        let further = self.further().unwrap_or_default();
        self.tls || further.iter().any(|listener| listener.tls)
    }

    pub(super) fn check(&self, metrics: &Metrics, problems: &mut Problems) {
        problems.positive("server.max_connections", self.max_connections as u128);
        problems.positive("server.max_requests", self.max_requests as u128);
        problems.positive("server.header_timeout", self.header_timeout.0.as_millis());
        problems.positive("server.write_timeout", self.write_timeout.0.as_millis());
        problems.positive("server.max_target", u128::from(self.max_target.0));
        problems.positive("server.max_streams", u128::from(self.max_streams));
        if let Err(invalid) = self.further() {
            problems.add("server.listeners", invalid.to_string());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_a_scheme_an_address_and_a_port() {
        let further: Further = "https://[::1]:8443".parse().unwrap();
        assert!(further.tls && further.address.port() == 8443);
        assert!(!"http://0.0.0.0:80/".parse::<Further>().unwrap().tls);
        assert_eq!(further.profile, Profile::All);
        let part: Further = "http://0.0.0.0:8002/?profile=resolve".parse().unwrap();
        assert_eq!(
            (part.address.port(), part.profile),
            (8002, Profile::Resolve)
        );
        for bad in [
            "",
            "8443",
            "tls://0.0.0.0:1",
            "https://example.com:443",
            "https://0.0.0.0",
            "http://0.0.0.0:1?profile=moon",
            "http://0.0.0.0:1?other=resolve",
        ] {
            assert!(bad.parse::<Further>().is_err(), "{bad}");
        }
    }
}
