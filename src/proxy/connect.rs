//! `Tunnel`: answers CONNECT. It dials first and answers after, so that a client learns of a failure
//! where it can show it.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Peer,
};
use http::{Request, Response};
use hyper::{ext::ReasonPhrase, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use super::{
    Closed, End, Inner, Interception, Observe, Ports, Refusal, Serve, Traffic,
    asked::{Asked, authority},
    relay::{Bounds, relay},
    rules::Rules,
};
use crate::{
    config::{self, connect::Action},
    upstream::{Dialer, Link},
};

/// How long a client may take to accept the 200.
pub(super) const UPGRADE_WAIT: Duration = Duration::from_secs(10);
/// The port on which no TLS is expected.
const PLAIN_PORT: u16 = 80;

/// Answers CONNECT requests and carries the bytes of the tunnels. Clones share the limits.
///
/// The request must be what the server made of it: its upgrade is among the extensions.
#[derive(Clone)]
pub struct Tunnel(Arc<Shared>);

pub(super) struct Shared {
    pub(super) dialer: ArcSwap<Dialer>,
    ports: Ports,
    rules: ArcSwap<Rules>,
    permits: Arc<Semaphore>,
    idle: Duration,
    tunnels: TaskTracker,
    pub(super) cut: CancellationToken,
    pub(super) observe: Arc<dyn Observe>,
    pub(super) interception: Option<Interception>,
    pub(super) serve: OnceLock<Serve>,
}

/// What becomes of a tunnel.
enum Plan {
    /// Its bytes pass to this connection.
    Tunnel(Link),
    /// The first byte decides.
    Look {
        /// Whether TLS ends here.
        intercept: bool,
    },
}

impl Tunnel {
    /// Tunnels as the settings say. Each runs as a task of `tunnels` until it ends or `cut` is
    /// cancelled, which is for the end of a shutdown.
    ///
    /// # Errors
    /// When `proxy.connect_ports` is not a list of ports, or a rule of `proxy.connect_rules` is none.
    pub fn new(
        settings: &config::proxy::Proxy,
        dialer: Dialer,
        tunnels: TaskTracker,
        cut: CancellationToken,
    ) -> Result<Self, BoxError> {
        let most = settings.max_tunnels.min(Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Shared {
            dialer: ArcSwap::from_pointee(dialer),
            ports: Ports::parse(&settings.connect_ports)?,
            rules: ArcSwap::from_pointee(Rules::new(settings)?),
            permits: Arc::new(Semaphore::new(most)),
            idle: settings.tunnel_idle_timeout.0,
            tunnels,
            cut,
            observe: Arc::new(()),
            interception: None,
            serve: OnceLock::new(),
        })))
    }

    /// Judges further tunnels by other rules, and dials for them by another dialer. Those that are open
    /// stay what they are.
    ///
    /// # Errors
    /// When a rule of `proxy.connect_rules` is none; nothing is changed then.
    pub fn set_rules(
        &self,
        settings: &config::proxy::Proxy,
        dialer: Dialer,
    ) -> Result<(), BoxError> {
        self.0.rules.store(Arc::new(Rules::new(settings)?));
        self.0.dialer.store(Arc::new(dialer));
        Ok(())
    }

    /// Who is told of tunnels; to be called before the value is cloned, later calls change nothing.
    #[must_use]
    pub fn observed_by(mut self, observe: Arc<dyn Observe>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.observe = observe;
        }
        self
    }

    /// Ends some tunnels here; to be called before the value is cloned, later calls change nothing.
    #[must_use]
    pub fn intercepted_by(mut self, interception: Option<Interception>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.interception = interception;
        }
        self
    }

    /// Who serves what is inside of tunnels that end here. Until it is known every tunnel passes; a
    /// second one changes nothing.
    pub fn served_by(&self, serve: Serve) {
        let _ = self.0.serve.set(serve);
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let allowed = self.allowed(&request);
        match self.plan(allowed).await {
            Ok((asked, plan)) => {
                let upgrade = hyper::upgrade::on(&mut request);
                let extensions = request.extensions().clone();
                let tunnels = self.tunnels.clone();
                match plan {
                    Plan::Tunnel(origin) => drop(tunnels.spawn(self.run(upgrade, asked, origin))),
                    Plan::Look { intercept } => {
                        drop(tunnels.spawn(self.look(upgrade, asked, extensions, intercept)));
                    }
                }
                established()
            }
            Err(refusal) => {
                self.observe.refused(&refusal);
                refusal.into_response()
            }
        }
    }

    async fn plan(&self, allowed: Result<Asked, Refusal>) -> Result<(Asked, Plan), Refusal> {
        let asked = allowed?;
        if let Some(intercept) = self.ends_here(&asked)? {
            return Ok((asked, Plan::Look { intercept }));
        }
        let dialer = self.dialer.load_full();
        let dialled = dialer.connect(&asked.host, asked.port).await;
        Ok((asked, Plan::Tunnel(dialled.map_err(Refusal::of)?)))
    }

    fn allowed(&self, request: &Request<Body>) -> Result<Asked, Refusal> {
        if request.extensions().get::<Inner>().is_some() {
            return Err(Refusal::Nested);
        }
        let authority = authority(request.uri()).ok_or(Refusal::Authority)?;
        let (host, port) = (authority.host(), authority.port());
        if !self.ports.contains(port) {
            return Err(Refusal::Port(port));
        }
        let dialer = self.dialer.load();
        let guard = dialer.guard();
        guard.check_authority(host, port).map_err(Refusal::Denied)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let peer = request.extensions().get::<Peer>();
        Ok(Asked {
            host: host.to_owned(),
            port,
            peer: peer.map_or(nowhere, |peer| peer.0),
            permit: permit.map_err(|_| Refusal::TooMany)?,
            pace: request.extensions().get().cloned(),
        })
    }

    /// Whether the tunnel may end here, and then whether TLS does. Some clients ask for plain HTTP
    /// through a tunnel to port 80: that is a request like any other, unless a rule wants the tunnel.
    fn ends_here(&self, asked: &Asked) -> Result<Option<bool>, Refusal> {
        let (host, port) = (&*asked.host, asked.port);
        let action = self.rules.load().action(host, port);
        if action == Some(Action::Refuse) {
            return Err(Refusal::Rule(host.to_owned()));
        }
        if action == Some(Action::Tunnel) || self.serve.get().is_none() {
            return Ok(None);
        }
        let intercept = self.interception.as_ref().is_some_and(|interception| {
            (action == Some(Action::Intercept) || interception.covers(host))
                && interception.is_possible(asked.peer.ip(), host)
        });
        Ok((intercept || port == PLAIN_PORT).then_some(intercept))
    }

    async fn run(self: Arc<Self>, upgrade: OnUpgrade, asked: Asked, origin: Link) {
        let begin = Instant::now();
        self.observe.opened();
        let (traffic, end) = match timeout(UPGRADE_WAIT, upgrade).await {
            Ok(Ok(client)) => relay(TokioIo::new(client), origin, self.bounds(&asked)).await,
            _ => (Traffic::default(), End::Abandoned),
        };
        self.closed(asked, traffic, end, begin);
    }

    /// What the bytes of a tunnel are held to.
    pub(super) fn bounds<'a>(&'a self, asked: &'a Asked) -> Bounds<'a> {
        Bounds {
            idle: self.idle,
            cut: &self.cut,
            pace: asked.pace.as_ref(),
        }
    }

    pub(super) fn closed(&self, asked: Asked, traffic: Traffic, end: End, begin: Instant) {
        let authority = asked.authority();
        let peer = Some(asked.peer).filter(|peer| peer.port() > 0);
        drop(asked.permit);
        self.observe.closed(&Closed {
            authority: &authority,
            peer,
            traffic,
            end,
            duration: begin.elapsed(),
        });
    }
}

/// "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx (Successful)
/// response to CONNECT." (RFC 9110 §9.3.6)
fn established() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let phrase = ReasonPhrase::from_static(b"Connection established");
    response.extensions_mut().insert(phrase);
    response
}

impl Service<Request<Body>> for Tunnel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}
