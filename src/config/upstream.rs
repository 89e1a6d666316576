//! Section `upstream`: how origins are asked.

use std::path::PathBuf;

use http::HeaderValue;

use super::{
    problem::Problems,
    setting::{choice, section},
    units::{Size, Span},
    ways::{Field, Rewrite, Route},
};

section! {
    /// Deadlines, retries and identity of requests to origins. No deadline bounds a whole body.
    pub struct Upstream {
        /// Whether origins may be asked at all. A reload changes it.
        pub mode: Mode = Mode::Online,
        /// Seconds until the head of a response must have arrived, retries included.
        pub timeout_seconds: u64 = 600,
        /// `User-Agent` of requests that the cache makes for itself.
        pub user_agent: String = "HomeLabArtifactCache/1.0".into(),
        /// How often a request is tried again after it failed.
        pub max_retries: u32 = 3,
        /// Deadline of name look-up, TCP connect and TLS handshake together, within `timeout_seconds`.
        pub connect_timeout: Span = Span::seconds(10),
        /// Longest silence of an origin within a body.
        pub idle_timeout: Span = Span::seconds(60),
        /// Lowest average rate of a body in bytes per second over 30 s; 0 switches the check off.
        pub min_rate: Size = Size(0),
        /// Most redirects that are followed for one artifact.
        pub max_redirects: u32 = 10,
        /// PEM file of further trusted certificate authorities.
        pub extra_ca: Option<PathBuf> = None,
        /// Proxy for all requests to origins: `http://`, `https://` or `socks5://` with host and port. It looks
        /// names up itself; the egress rule judges hosts by name only then.
        pub parent: Option<String> = None,
        /// File with `user:password` for `parent`.
        pub parent_credentials_file: Option<PathBuf> = None,
        /// Hosts that are asked without `parent`: a host with its subdomains, `.suffix`, `host:port`, an
        /// address, a CIDR range, or `*`.
        pub no_proxy: Vec<String> = Vec::new(),
        /// Other ways for some hosts; the first that fits decides, before `no_proxy`.
        pub routes: Vec<Route> = Vec::new(),
        /// Where artifacts below a URL prefix are fetched from instead. They are stored under the URL
        /// that was asked for.
        pub rewrite: Vec<Rewrite> = Vec::new(),
        /// Fields that are added to requests below a URL prefix, and to no others, redirects included.
        /// What they give access to is open to everybody who may use this cache.
        pub fields: Vec<Field> = Vec::new(),
        /// Idle connections kept per origin.
        pub max_idle_connections: usize = 32,
        /// Requests per second to one origin; further ones wait, and get 429 when that would be long.
        /// 0 for no limit.
        pub requests_per_second: u32 = 0,
        /// Bytes per second from one origin, over all downloads. 0 for no limit.
        pub bytes_per_second: Size = Size(0),
        /// Ranges of one artifact that are fetched at the same time, by `/fetch` and whatever else keeps artifacts, from
        /// origins that take ranges and send a strong `ETag`. 1 fetches artifacts whole.
        pub parallel_ranges: u32 = 1,
        /// Bytes of such a range; so many times `parallel_ranges` may be in memory for each download. Artifacts
        /// with less than four of them are fetched whole.
        pub range_bytes: Size = Size(8 << 20),
        /// Vain attempts in a row to reach an origin that open its circuit.
        pub circuit_failures: u32 = 5,
        /// How long an open circuit refuses requests before it tries again.
        pub circuit_open: Span = Span::seconds(10),
    }
}

choice! {
    /// Whether origins may be asked.
    pub enum Mode {
        /// As the other settings say.
        Online = "online",
        /// No: for the time being. What is stored is served as if every origin were unreachable.
        Offline = "offline",
        /// No: as a policy. The same, and the word `sealed` in every refusal.
        Sealed = "sealed",
    }
}

impl Upstream {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.positive("upstream.timeout_seconds", u128::from(self.timeout_seconds));
        problems.positive(
            "upstream.connect_timeout",
            self.connect_timeout.0.as_millis(),
        );
        problems.positive("upstream.idle_timeout", self.idle_timeout.0.as_millis());
        problems.positive(
            "upstream.circuit_failures",
            u128::from(self.circuit_failures),
        );
        problems.positive("upstream.parallel_ranges", self.parallel_ranges.into());
        problems.positive("upstream.range_bytes", self.range_bytes.0.into());
        self.check_ways(problems);
        if self.user_agent.trim().is_empty() || HeaderValue::from_str(&self.user_agent).is_err() {
            problems.add(
                "upstream.user_agent",
                "must be a field value: visible characters, not empty",
            );
        }
    }
}
