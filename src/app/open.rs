//! Opens everything a cache needs, in order: stores, rules, the way out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use artifact_cache_layers::{body::BoxError, egress::EgressPolicy};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, certificates, glue, observers::Observers, stores, webhooks};
use crate::{
    access::{Gate, Keyring},
    blob::{BlobOptions, BlobStore},
    catalog::{Catalog, CatalogError, CatalogOptions},
    clock::Clock,
    config::{Config, storage::Storage},
    jobs::{Jobs, history::History},
    proxy::{Interception, Tunnel, authority::InvalidAuthority},
    s3::Endpoints,
    server::InvalidTls,
    store::{
        Parts, Store,
        commit::Committer,
        sweep::{Swept, sweep},
    },
    telemetry::{metrics::Metrics, origins::Origins},
    upstream::{Dialer, InvalidUpstream, Upstreams},
};

/// Why a cache cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalog cannot be opened.
    #[error("cannot open the catalog")]
    Catalog(#[from] CatalogError),
    /// The blobs cannot be opened.
    #[error("cannot open the store below {path}")]
    Blobs {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A setting cannot be put to use.
    #[error("a setting cannot be put to use")]
    Setting(#[source] BoxError),
    /// The settings of the way out cannot be put to use.
    #[error("cannot prepare requests to origins")]
    Upstream(#[from] InvalidUpstream),
    /// The authority of intercepted tunnels cannot be put to use.
    #[error("cannot intercept tunnels")]
    Authority(#[from] InvalidAuthority),
    /// Certificates of listeners cannot be put to use.
    #[error("cannot use the certificates of `tls`")]
    Tls(#[from] InvalidTls),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
}

impl App {
    /// Opens a cache that listens on `addresses`.
    ///
    /// # Errors
    /// When something it needs cannot be had; nothing is left running then.
    pub fn open(
        config: Config,
        addresses: &[SocketAddr],
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        let (clock, tasks, stop) = <(Clock, TaskTracker, CancellationToken)>::default();
        let classifier = config.classes.classifier().map_err(setting)?;
        let rules = glue::rules(&config, &classifier, &clock, &tasks);
        let rules = Arc::new(ArcSwap::from_pointee(rules));
        let stores = stores::stores(&config, &clock).map_err(StartError::Setting)?;
        let mirrors = glue::mirrors(&config).map_err(StartError::Setting)?;
        let rule = rule(&config, addresses, &stores)?;
        let egress = Arc::new(glue::with_mirrors(rule.clone(), &mirrors));
        let guard = guard(&config, rule, &egress)?;
        let origins = Origins::default();
        let observers = observers(&metrics, &origins, &clock);
        let upstreams = upstreams(&config, (guard, stores), &observers, &clock)?;
        let interception = interception(&config, &clock)?;
        let tunnels = tunnels(&config, upstreams.dialer(), &tasks, &stop)?
            .intercepted_by(interception.clone())
            .observed_by(observers);
        let store = open_store(&config, &clock, &rules, &metrics, &tasks)?;
        let after = webhooks::after(&config, addresses, store.catalog(), &metrics, &tasks, &stop)?;
        Ok(Self {
            gate: gate(&config, &store, &clock)?,
            history: History::new(store.clone(), metrics.clone()),
            jobs: Jobs::open(&store, &metrics, (&tasks, &stop))?,
            config: Arc::new(ArcSwap::from_pointee(config)),
            rules,
            classifier,
            store,
            egress,
            mirrors,
            upstreams,
            after,
            tunnels,
            interception,
            metrics,
            origins,
            settings: Arc::default(),
            tasks,
            stop,
            addresses: addresses.into(),
        })
    }
}

/// Who is let in, by the tokens of the catalog.
fn gate(config: &Config, store: &Store, clock: &Clock) -> Result<Gate, StartError> {
    let keyring = Keyring::open(store.catalog().clone())?;
    Ok(Gate::new(config.auth.clone(), keyring, clock.clone()))
}

/// The rule of every way out: tunnels have ports of their own.
fn guard(
    config: &Config,
    rule: EgressPolicy,
    requests: &Arc<EgressPolicy>,
) -> Result<Arc<glue::EgressGuard>, StartError> {
    let ports = glue::ports(&config.proxy.connect_ports).map_err(StartError::Setting)?;
    Ok(Arc::new(glue::EgressGuard {
        requests: requests.clone(),
        tunnels: rule.with_ports(ports),
    }))
}

fn observers(metrics: &Metrics, origins: &Origins, clock: &Clock) -> Arc<Observers> {
    let (metrics, origins) = (metrics.clone(), origins.clone());
    Arc::new(Observers::new(metrics, origins, clock.clone()))
}

/// Which origins may be reached.
fn rule(
    config: &Config,
    own: &[SocketAddr],
    stores: &Endpoints,
) -> Result<EgressPolicy, StartError> {
    let rule = glue::egress(&config.egress, own).map_err(StartError::Setting)?;
    Ok(stores::with_buckets(rule, stores))
}

/// The way out.
fn upstreams(
    config: &Config,
    (guard, stores): (Arc<glue::EgressGuard>, Endpoints),
    observers: &Arc<Observers>,
    clock: &Clock,
) -> Result<Upstreams, StartError> {
    let upstreams = Upstreams::new(&config.upstream, guard)?
        .observed_by(observers.clone())
        .following_presigned(config.classes.presigned)
        .timed_by(clock.clone())
        .with_stores(&config.upstream, &config.s3, stores)?;
    Ok(upstreams)
}

fn tunnels(
    config: &Config,
    dialer: Dialer,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Tunnel, StartError> {
    let tunnels = Tunnel::new(&config.proxy, dialer, tasks.clone(), stop.clone());
    tunnels.map_err(StartError::Setting)
}

/// What ends tunnels here, where that is wanted.
fn interception(config: &Config, clock: &Clock) -> Result<Option<Interception>, StartError> {
    if !config.intercept.enabled {
        return Ok(None);
    }
    let leaves = certificates::leaves(config, clock)?;
    let interception = Interception::new(&config.intercept, leaves);
    interception.map(Some).map_err(StartError::Setting)
}

fn setting(error: impl Into<BoxError>) -> StartError {
    StartError::Setting(error.into())
}

fn open_store(
    config: &Config,
    clock: &Clock,
    rules: &Arc<ArcSwap<artifact_cache_layers::cache::Rules>>,
    metrics: &Metrics,
    tasks: &TaskTracker,
) -> Result<Store, StartError> {
    let settings = config.storage.clone();
    let catalog = Catalog::open(
        &settings.database,
        &CatalogOptions::default(),
        clock.clone(),
    )?;
    let options = BlobOptions {
        memory_bytes: settings.memory_bytes.0,
        drop_behind: Some(settings.drop_behind.0).filter(|bytes| *bytes > 0),
        ..BlobOptions::default()
    };
    let failed = |source| StartError::Blobs {
        path: settings.base_path.display().to_string(),
        source,
    };
    let blobs =
        BlobStore::open(&settings.base_path, &settings.temporary_path, options).map_err(failed)?;
    clean_up(&blobs, &settings, clock);
    Ok(Store::new(Parts {
        committer: Committer::new(catalog, blobs),
        settings: settings.clone(),
        rules: rules.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
    }))
}

/// Removes what earlier processes left and nobody can continue. Failing is no reason not to serve.
fn clean_up(blobs: &BlobStore, settings: &Storage, clock: &Clock) {
    match sweep(blobs, settings.keep_partial.0, clock.now()) {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => tracing::info!(
            removed = swept.removed,
            removed_bytes = swept.removed_bytes,
            resumable = swept.resumable,
            "temporary files swept"
        ),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot sweep temporary files"
        ),
    }
}

/// How long the end of the catalog's writer is waited for.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
