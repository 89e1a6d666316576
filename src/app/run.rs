//! The life of a server: bind, open, say that it is ready, serve, reload, drain.

use std::{net::SocketAddr, sync::Arc};

use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneService;

use super::{
    App, StartError, certificates, inside,
    open::CLOSE_DEADLINE,
    signals::{Signals, Wish},
};
use crate::{
    api::Api,
    clock::Clock,
    config::{
        Config, Loaded, Sources,
        server::{Further, Profile},
    },
    server::{Lifetime, Limits, Listener, Tls, raise_descriptor_limit, serve},
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
    let tls = tls(&loaded.config)?;
    let listeners = Bound::new(&loaded.config, tls.as_ref())?;
    let settings = loaded.rows();
    let app = App::open(loaded.config, &listeners.addresses, metrics)?;
    app.settings.store(Arc::new(settings));
    let connections = TaskTracker::new();
    let lifetime = Lifetime {
        stop: app.stop.clone(),
        connections: connections.clone(),
    };
    let serving = TaskTracker::new();
    let core = stack::Core::new(&app);
    serving.spawn(app.clone().work(core.means(&app)));
    app.warn_of_open_door();
    let note = app.leave_note();
    if let Some(tls) = tls.clone() {
        serving.spawn(certificates::watch(tls, app.stop.clone()));
    }
    listeners.serve((&app, &core), &serving, &lifetime);
    notify(&[sd_notify::NotifyState::Ready]);
    while signals.next().await == Wish::Reload {
        app.reload(&sources, &log);
        certificates::reload_authority(&app).await;
        if let Some(tls) = &tls {
            certificates::reload(tls.clone()).await;
        }
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    app.drain(&serving, &connections, &mut signals).await;
    drop(note);
    Ok(())
}

/// What listeners show their clients, when any of them speaks TLS.
fn tls(config: &Config) -> Result<Option<Tls>, StartError> {
    let wanted = config.server.speaks_tls();
    let load = || Tls::load(&config.tls, &Clock::system());
    Ok(wanted.then(load).transpose()?)
}

/// The listeners, bound before anything is opened so that their real addresses are known.
struct Bound {
    /// The main one first; each with its name in the log and what it serves.
    main: Vec<(&'static str, Profile, Listener)>,
    metrics: Option<Listener>,
    addresses: Vec<SocketAddr>,
}

impl Bound {
    fn new(config: &Config, tls: Option<&Tls>) -> Result<Self, StartError> {
        let server = &config.server;
        let main = Further {
            address: server.address(),
            tls: server.tls,
            profile: Profile::All,
        };
        let further = server
            .further()
            .map_err(|error| StartError::Setting(error.into()))?;
        let (mut main_listeners, mut addresses) = (Vec::new(), Vec::new());
        for (name, listener) in
            std::iter::once(("main", main)).chain(further.into_iter().map(named))
        {
            let (socket, address) = bind(listener.address)?;
            let socket = socket.behind(&server.proxy_protocol_from);
            let socket = match tls.filter(|_| listener.tls) {
                Some(tls) => socket.with_tls(tls.clone()),
                None => socket,
            };
            main_listeners.push((name, listener.profile, socket));
            addresses.push(address);
        }
        let mut metrics = None;
        if config.metrics.enabled {
            let (listener, address) = bind(config.metrics.address())?;
            addresses.push(address);
            metrics = Some(listener);
        }
        Ok(Self {
            main: main_listeners,
            metrics,
            addresses,
        })
    }

    fn serve(self, (app, core): (&App, &stack::Core), serving: &TaskTracker, lifetime: &Lifetime) {
        let limits = Limits::new(&app.config().server).observed_by(Arc::new(app.observers()));
        let edge = stack::edge(app, core, Profile::All);
        app.tunnels.served_by(inside::serve(
            edge.clone(),
            limits.clone(),
            app.stop.clone(),
        ));
        let mut names = Vec::new();
        for (name, profile, listener) in self.main {
            let edge = match profile {
                Profile::All => edge.clone(),
                part => stack::edge(app, core, part),
            };
            let limits = limits.clone();
            serving.spawn(serve(listener, edge, limits, lifetime.clone()));
            names.push(name);
        }
        if let Some(metrics) = self.metrics {
            serving.spawn(serve(metrics, metrics_only(app), limits, lifetime.clone()));
            names.push("metrics");
        }
        for (listener, address) in names.into_iter().zip(self.addresses) {
            Listening { listener, address }.emit();
        }
    }
}

fn named(listener: Further) -> (&'static str, Further) {
    let name = match listener.profile {
        Profile::All if listener.tls => "https",
        Profile::All => "http",
        part => part.word(),
    };
    (name, listener)
}

fn bind(address: SocketAddr) -> Result<(Listener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = Listener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What the metrics listener serves.
fn metrics_only(app: &App) -> Edge {
    stack::alone(
        app,
        BoxCloneService::new(Api::new(app.clone()).of_metrics_only()),
    )
}

impl App {
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
