//! The life of a server: bind, open, say that it is ready, serve, reload, drain.

use std::{net::SocketAddr, sync::Arc};

use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneService;

use super::{
    App, StartError, glue,
    observers::Observers,
    open::CLOSE_DEADLINE,
    signals::{Signals, Wish},
};
use crate::{
    api::Api,
    config::{Config, Loaded, Sources, load},
    server::{Lifetime, Limits, Listener, raise_descriptor_limit, serve},
    stack::{self, Edge},
    telemetry::{access::Listening, log::Log, metrics::Metrics},
};

/// Serves until it is told to stop, then drains.
///
/// # Errors
/// When the cache cannot start.
pub async fn run(
    loaded: Loaded,
    sources: Sources,
    log: Log,
    metrics: Metrics,
) -> Result<(), StartError> {
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot raise the limit of open files"
        );
    }
    let listeners = Bound::new(&loaded.config)?;
    let app = App::open(loaded.config, &listeners.addresses, metrics)?;
    let connections = TaskTracker::new();
    let lifetime = Lifetime {
        stop: app.stop.clone(),
        connections: connections.clone(),
    };
    let serving = TaskTracker::new();
    serving.spawn(app.clone().jobs());
    app.warn_of_open_door();
    let note = app.leave_note();
    listeners.serve(&app, &serving, &lifetime);
    notify(&[sd_notify::NotifyState::Ready]);
    while signals.next().await == Wish::Reload {
        app.reload(&sources, &log);
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    app.drain(&serving, &connections, &mut signals).await;
    drop(note);
    Ok(())
}

/// The listeners, bound before anything is opened so that their real addresses are known.
struct Bound {
    main: Listener,
    metrics: Option<Listener>,
    addresses: Vec<SocketAddr>,
}

impl Bound {
    fn new(config: &Config) -> Result<Self, StartError> {
        let bind = |address| {
            let failed = |source| StartError::Listen { address, source };
            let listener = Listener::bind(address).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            Ok::<_, StartError>((listener, bound))
        };
        let (main, address) = bind(config.server.address())?;
        let mut addresses = vec![address];
        let mut metrics = None;
        if config.metrics.enabled {
            let (listener, address) = bind(config.metrics.address())?;
            addresses.push(address);
            metrics = Some(listener);
        }
        Ok(Self {
            main,
            metrics,
            addresses,
        })
    }

    fn serve(self, app: &App, serving: &TaskTracker, lifetime: &Lifetime) {
        let limits = Limits::new(&app.config().server)
            .observed_by(Arc::new(Observers::new(app.metrics.clone())));
        serving.spawn(serve(
            self.main,
            stack::edge(app),
            limits.clone(),
            lifetime.clone(),
        ));
        if let Some(metrics) = self.metrics {
            serving.spawn(serve(metrics, metrics_only(app), limits, lifetime.clone()));
        }
        for (listener, address) in ["main", "metrics"].into_iter().zip(self.addresses) {
            Listening { listener, address }.emit();
        }
    }
}

/// What the metrics listener serves.
fn metrics_only(app: &App) -> Edge {
    stack::alone(
        app,
        BoxCloneService::new(Api::new(app.clone()).of_metrics_only()),
    )
}

impl App {
    /// Puts into force what can change while the cache runs: the rules of `fetch`, `cache` and
    /// `auth`, and the log level. A configuration that is not valid changes nothing.
    fn reload(&self, sources: &Sources, log: &Log) {
        let loaded = match load(sources) {
            Ok(loaded) => loaded,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                return tracing::error!(
                    error,
                    "the configuration is not valid, nothing was changed"
                );
            }
        };
        let (old, new) = (self.config(), loaded.config);
        if let Err(error) = log.set_level(&new.logging.level) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot change the log level"
            );
        }
        self.rules.store(Arc::new(glue::rules(
            &new,
            &self.classifier,
            self.store.clock(),
            &self.tasks,
        )));
        self.gate.set_rules(new.auth.clone());
        let in_force = Config {
            fetch: new.fetch.clone(),
            cache: new.cache.clone(),
            logging: new.logging.clone(),
            auth: new.auth.clone(),
            ..(*old).clone()
        };
        let needs_restart = in_force != new;
        self.config.store(Arc::new(in_force));
        tracing::info!(needs_restart, "configuration reloaded");
    }

    /// Responses and fills under way get the time that the settings give them; what is not complete
    /// then is kept as far as it can be continued.
    async fn drain(&self, serving: &TaskTracker, connections: &TaskTracker, signals: &mut Signals) {
        tracing::info!(connections = connections.len(), "draining");
        self.stop.cancel();
        let all = [serving, connections, &self.tasks];
        let deadline = self.config().server.drain_timeout.0;
        let drained = timeout(deadline, async {
            for tasks in all {
                tasks.close();
                tasks.wait().await;
            }
        });
        // Who asks a second time does not want to wait.
        let is_complete = tokio::select! {
            drained = drained => drained.is_ok(),
            () = signals.stop() => false,
        };
        self.store.leave_partials();
        if let Err(error) = self.gate.keyring().flush().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "cannot write when tokens were used");
        }
        let closed = timeout(CLOSE_DEADLINE, self.store.catalog().close()).await;
        tracing::info!(
            is_complete,
            is_closed = matches!(closed, Ok(Ok(()))),
            "stopped"
        );
    }
}

/// Tells systemd, when it started us.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "cannot notify the service manager"
        );
    }
}
