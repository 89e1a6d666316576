//! `Config`: every setting, its default and its documentation.
//!
//! Each section stands in its own file, written with `section!`, and checks itself.
//! [`load()`] merges the sources, [`show`] says where each value came from, [`mod@reference`] writes the
//! documentation.

pub mod setting;

pub mod auth;
pub mod cache;
pub mod classes;
pub mod connect;
pub mod egress;
mod environment;
pub mod fetch;
pub mod files;
mod flags;
pub mod intercept;
mod layer;
mod legacy;
pub mod load;
pub mod logging;
pub mod metrics;
pub mod mirror;
pub mod origin;
pub mod problem;
pub mod proxy;
pub mod reference;
pub mod registry;
pub mod resolve;
pub mod s3;
pub mod scrub;
pub mod secret;
pub mod server;
pub mod show;
pub mod storage;
mod suggest;
pub mod tls;
mod typed;
pub mod units;
pub mod upstream;
pub mod warm;
pub mod ways;
pub mod webhooks;

use problem::{Problem, Problems};
use setting::{Kind, Section, Setting, section};

pub use flags::Flags;
pub use load::{Loaded, Sources, environment_of_the_process, load};
pub use problem::ConfigError;

section! {
    /// The whole configuration.
    pub struct Config {
        /// Where it listens.
        pub server: server::Server = server::Server::default(),
        /// Who may use the cache.
        pub auth: auth::Auth = auth::Auth::default(),
        /// Certificates of listeners that speak TLS.
        pub tls: tls::Tls = tls::Tls::default(),
        /// Where artifacts and the catalog are kept.
        pub storage: storage::Storage = storage::Storage::default(),
        /// Log output.
        pub logging: logging::Logging = logging::Logging::default(),
        /// Requests to origins.
        pub upstream: upstream::Upstream = upstream::Upstream::default(),
        /// The explicit door `/fetch`.
        pub fetch: fetch::Fetch = fetch::Fetch::default(),
        /// What is stored and reused.
        pub cache: cache::Cache = cache::Cache::default(),
        /// Classes of resources, by path.
        pub classes: classes::Classes = classes::Classes::default(),
        /// Which origins may be reached.
        pub egress: egress::Egress = egress::Egress::default(),
        /// The forward proxy.
        pub proxy: proxy::Proxy = proxy::Proxy::default(),
        /// The registry of models.
        pub registry: registry::Registry = registry::Registry::default(),
        /// Who is told of models in production.
        pub webhooks: webhooks::Webhooks = webhooks::Webhooks::default(),
        /// Object stores that speak the protocol of S3.
        pub s3: s3::S3 = s3::S3::default(),
        /// Prefixes that stand for upstream base URLs.
        pub mirror: mirror::Mirror = mirror::Mirror::default(),
        /// Verified local paths of artifacts, `POST /resolve`.
        pub resolve: resolve::Resolve = resolve::Resolve::default(),
        /// Uploaded files and pointers to them.
        pub files: files::Files = files::Files::default(),
        /// Which tunnels are opened for the cache.
        pub intercept: intercept::Intercept = intercept::Intercept::default(),
        /// What is brought into the store before anybody asks for it.
        pub warm: warm::Warm = warm::Warm::default(),
        /// Hashing what is stored, round after round.
        pub scrub: scrub::Scrub = scrub::Scrub::default(),
        /// The metrics listener.
        pub metrics: metrics::Metrics = metrics::Metrics::default(),
    }
}

impl Config {
    /// The table of every section and key.
    pub const SECTION: &'static Section = match Self::KIND {
        Kind::Section(section) => section,
        _ => unreachable!(),
    };

    /// Checks what types cannot: ranges, and settings that contradict each other.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        self.server.check(&self.metrics, &mut problems);
        self.tls.check(&self.server, &mut problems);
        self.storage.check(&mut problems);
        self.logging.check(&mut problems);
        self.upstream.check(&mut problems);
        self.egress.check(&mut problems);
        self.proxy.check(&self.egress, &mut problems);
        self.intercept.check(&self.proxy, &mut problems);
        self.registry.check(&mut problems);
        self.webhooks.check(&mut problems);
        self.s3.check(&mut problems);
        self.mirror.check(&mut problems);
        self.classes.check(&mut problems);
        self.files.check(&mut problems);
        self.warm.check(&mut problems);
        problems.into_result()
    }
}
