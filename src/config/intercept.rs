//! Section `intercept`: which tunnels are opened for the cache, and by which authority.

use std::path::{Path, PathBuf};

use super::{
    connect::{Action, is_host_or_any},
    problem::Problems,
    proxy::Proxy,
    setting::section,
    storage::{Storage, beside},
    units::Span,
};

/// Directory of the authority beside that of the artifacts.
const AUTHORITY: &str = "ca";

section! {
    /// Interception: tunnels to these hosts end here, and what is inside is cached like plain requests.
    /// Clients must trust the authority that `artifact-cache ca init` makes.
    pub struct Intercept {
        /// Whether tunnels are intercepted.
        pub enabled: bool = false,
        /// Hosts whose tunnels are intercepted: `example.com`, `*.example.com`, or `*` for every host by
        /// name. Empty for those that the authority is bound to; with one that is bound to none, all.
        pub hosts: Vec<String> = Vec::new(),
        /// Directory of the authority, with `ca.pem` and `ca.key`; `ca` beside `storage.base_path` when
        /// it is not set.
        pub directory: Option<PathBuf> = None,
        /// How long the certificate of a host is good for; it is renewed after half of that.
        pub leaf_lifetime: Span = Span::seconds(7 * 24 * 3600),
        /// How long a client may take for the handshake inside a tunnel.
        pub handshake_timeout: Span = Span::seconds(10),
        /// How long tunnels of a client to a host are left alone after it refused our certificate.
        pub refusal_pause: Span = Span::seconds(3600),
    }
}

impl Intercept {
    /// The directory of the authority.
    #[must_use]
    pub fn authority(&self, storage: &Storage) -> PathBuf {
        let derived = || beside(Path::new(&storage.base_path), AUTHORITY);
        self.directory.clone().unwrap_or_else(derived)
    }

    pub(super) fn check(&self, proxy: &Proxy, problems: &mut Problems) {
        for (key, span) in [
            ("intercept.leaf_lifetime", self.leaf_lifetime),
            ("intercept.handshake_timeout", self.handshake_timeout),
        ] {
            problems.positive(key, span.0.as_millis());
        }
        for host in self.hosts.iter().filter(|host| !is_host_or_any(host)) {
            problems.add(
                "intercept.hosts",
                format!("`{host}` is not a host; write `example.com`, `*.example.com` or `*`"),
            );
        }
        let rules = proxy.rules().unwrap_or_default();
        if !self.enabled && rules.iter().any(|rule| rule.action == Action::Intercept) {
            problems.add(
                "proxy.connect_rules",
                "a rule intercepts, but interception is off; set `intercept.enabled: true`",
            );
        }
    }
}
