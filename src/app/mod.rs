//! `App`: the assembled product. Opens stores from a configuration, builds the stack, binds the
//! listeners, runs the jobs, and drains when it is told to stop.

mod backend;
mod certificates;
mod doorkeeping;
mod explain;
mod glue;
mod inside;
mod jobs;
mod observers;
mod open;
mod panel;
mod reload;
pub mod requests;
mod run;
mod signals;
mod stores;
mod webhooks;

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    cache::Rules, egress::EgressPolicy, hop::Pseudonym, target::Mirrors,
    validate::Limits as RequestLimits,
};
use http::uri::Authority;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{open::StartError, run::run};
use crate::{
    access::Gate,
    api::After,
    config::{Config, classes::Classifier, show::Row},
    jobs::{Jobs, history::History},
    proxy::{Interception, Tunnel},
    store::Store,
    telemetry::{metrics::Metrics, origins::Origins},
    upstream::Upstreams,
};

/// Our name in `Via`, `Cache-Status` and `Proxy-Status`.
pub const NAME: &str = "artifact-cache";

/// The assembled product. Clones share it.
#[derive(Clone)]
pub struct App {
    /// Settings in force; replaced whole on reload.
    pub config: Arc<ArcSwap<Config>>,
    /// What the `cache` layer decides by; follows `config`.
    pub rules: Arc<ArcSwap<Rules>>,
    /// Who may use it.
    pub gate: Gate,
    /// Catalog and blobs.
    pub store: Store,
    /// The egress rule.
    pub egress: Arc<EgressPolicy>,
    /// The classes of URLs.
    pub classifier: Classifier,
    /// What `/mirror/<name>/` stands for.
    pub mirrors: Mirrors,
    /// The way out.
    pub upstreams: Upstreams,
    /// What works in the background.
    pub jobs: Jobs,
    /// What follows a change of the registry.
    pub after: After,
    /// CONNECT.
    pub tunnels: Tunnel,
    /// Tunnels that end here, where that is wanted.
    pub interception: Option<Interception>,
    /// Everything that is counted.
    pub metrics: Metrics,
    /// What was counted in the past.
    pub history: History,
    /// How origins fared.
    pub origins: Origins,
    /// Every setting in force with its origin, for people.
    pub settings: Arc<ArcSwap<Vec<Row>>>,
    /// Owns fills, flights and tunnels.
    pub tasks: TaskTracker,
    /// Cancelled to stop.
    pub stop: CancellationToken,
    /// Where we listen: never dialled, and names of our own.
    pub addresses: Arc<[SocketAddr]>,
}

impl App {
    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The names under which clients may address us with an absolute URI.
    #[must_use]
    pub fn own_names(&self) -> Vec<Authority> {
        let ports = self.addresses.iter().map(SocketAddr::port);
        let local = ports.flat_map(|port| {
            ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"))
        });
        let bound = self.addresses.iter().map(ToString::to_string);
        local
            .chain(bound)
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// Our name in `Via`.
    #[must_use]
    pub fn pseudonym(&self) -> Pseudonym {
        // A validated configuration has a name that can stand there.
        self.config().proxy.via.parse().unwrap_or_default()
    }

    /// How large a request head may be.
    #[must_use]
    pub fn request_limits(&self) -> RequestLimits {
        let server = &self.config().server;
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        RequestLimits {
            max_target: bytes(server.max_target.0),
            max_head: bytes(server.max_head.0),
            ..RequestLimits::default()
        }
    }
}
