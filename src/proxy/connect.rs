//! `Tunnel`: answers CONNECT. It dials first and answers after, so that a client learns of a failure
//! where it can show it.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Peer,
    semantics::target_uri::TargetUri,
};
use http::{Request, Response, Uri};
use hyper::{ext::ReasonPhrase, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use super::{End, InvalidPorts, Ports, Refusal, Traffic, relay::relay};
use crate::{
    config,
    upstream::{Dialer, Link},
};

/// How long a client may take to accept the 200.
const UPGRADE_WAIT: Duration = Duration::from_secs(10);

/// Answers CONNECT requests and carries the bytes of the tunnels. Clones share the limits.
///
/// The request must be what the server made of it: its upgrade is among the extensions.
#[derive(Clone)]
pub struct Tunnel(Arc<Shared>);

struct Shared {
    dialer: Dialer,
    ports: Ports,
    permits: Arc<Semaphore>,
    idle: Duration,
    tunnels: TaskTracker,
    cut: CancellationToken,
    observe: Arc<dyn Observe>,
}

/// Is told what becomes of tunnels, for logs and metrics.
pub trait Observe: Send + Sync {
    /// A CONNECT was refused.
    fn refused(&self, _refusal: &Refusal) {}
    /// A tunnel was opened.
    fn opened(&self) {}
    /// A tunnel ended.
    fn closed(&self, _tunnel: &Closed<'_>) {}
}

/// A tunnel that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Closed<'a> {
    /// Host and port that the client named.
    pub authority: &'a str,
    /// The client, where it is known.
    pub peer: Option<SocketAddr>,
    /// What went through.
    pub traffic: Traffic,
    /// How it ended.
    pub end: End,
    /// How long it was open.
    pub duration: Duration,
}

/// Tells nobody.
impl Observe for () {}

/// A tunnel before its first byte.
struct Opened {
    authority: String,
    origin: Link,
    permit: OwnedSemaphorePermit,
}

impl Tunnel {
    /// Tunnels as the settings say. Each runs as a task of `tunnels` until it ends or `cut` is
    /// cancelled, which is for the end of a shutdown.
    ///
    /// # Errors
    /// When `proxy.connect_ports` is not a list of ports.
    pub fn new(
        settings: &config::proxy::Proxy,
        dialer: Dialer,
        tunnels: TaskTracker,
        cut: CancellationToken,
    ) -> Result<Self, InvalidPorts> {
        let most = settings.max_tunnels.min(Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Shared {
            dialer,
            ports: Ports::parse(&settings.connect_ports)?,
            permits: Arc::new(Semaphore::new(most)),
            idle: settings.tunnel_idle_timeout.0,
            tunnels,
            cut,
            observe: Arc::new(()),
        })))
    }

    /// Who is told of tunnels; to be called before the value is cloned, later calls change nothing.
    #[must_use]
    pub fn observed_by(mut self, observe: Arc<dyn Observe>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.observe = observe;
        }
        self
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        match self.open(request.uri()).await {
            Ok(opened) => {
                let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
                let upgrade = hyper::upgrade::on(&mut request);
                let tunnels = self.tunnels.clone();
                tunnels.spawn(self.run(upgrade, opened, peer));
                established()
            }
            Err(refusal) => {
                self.observe.refused(&refusal);
                refusal.into_response()
            }
        }
    }

    async fn open(&self, target: &Uri) -> Result<Opened, Refusal> {
        let authority = authority(target).ok_or(Refusal::Authority)?;
        let (host, port) = (authority.host(), authority.port());
        if !self.ports.contains(port) {
            return Err(Refusal::Port(port));
        }
        let guard = self.dialer.guard();
        guard.check_authority(host, port).map_err(Refusal::Denied)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::TooMany)?;
        let origin = self.dialer.connect(host, port).await.map_err(Refusal::of)?;
        let authority = format!("{host}:{port}");
        Ok(Opened {
            authority,
            origin,
            permit,
        })
    }

    async fn run(self: Arc<Self>, upgrade: OnUpgrade, opened: Opened, peer: Option<SocketAddr>) {
        let Opened {
            authority,
            origin,
            permit,
        } = opened;
        let begin = Instant::now();
        self.observe.opened();
        let (traffic, end) = match timeout(UPGRADE_WAIT, upgrade).await {
            Ok(Ok(client)) => relay(TokioIo::new(client), origin, self.idle, &self.cut).await,
            _ => (Traffic::default(), End::Abandoned),
        };
        drop(permit);
        self.observe.closed(&Closed {
            authority: &authority,
            peer,
            traffic,
            end,
            duration: begin.elapsed(),
        });
    }
}

/// The authority of the request as the one URL parser reads it, so that the host that is checked is
/// the host that is dialled; `Host` is not looked at (old clients send none).
fn authority(target: &Uri) -> Option<TargetUri> {
    let authority = target.authority()?;
    let port = authority.port_u16()?;
    if authority.as_str().contains('@') {
        return None;
    }
    format!("https://{}:{port}/", authority.host()).parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Option<(String, u16)> {
        let uri = authority(&uri.parse().unwrap())?;
        Some((uri.host().to_owned(), uri.port()))
    }

    #[test]
    fn hosts_are_read_as_they_are_dialled() {
        for (uri, host) in [
            ("EXAMPLE.com:443", "example.com"),
            ("[::1]:443", "[::1]"),
            ("[::ffff:127.0.0.1]:443", "[::ffff:7f00:1]"),
            ("2130706433:443", "127.0.0.1"),
            ("0x7f.1:443", "127.0.0.1"),
        ] {
            assert_eq!(read(uri), Some((host.to_owned(), 443)), "{uri}");
        }
    }

    #[test]
    fn a_target_without_port_or_with_a_user_is_no_authority() {
        for uri in ["example.com", "user@example.com:443", "/path"] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }
}
