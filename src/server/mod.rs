//! Accepts connections and serves a stack on them as HTTP/1.1 or HTTP/2, inside TLS or without. It owns
//! listeners, certificates, connection limits, deadlines, draining, and how bytes reach the socket. What
//! a request means is the stack's business.

mod answer;
mod connection;
mod descriptors;
mod entry;
mod http2;
mod interim;
mod listener;
mod opening;
mod plain;
mod proxy_protocol;
mod request_body;
mod stall;
mod streams;
mod timer;
mod tls;
mod zero_copy;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Request, Response};
use tokio::{net::TcpStream, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

pub use self::{
    descriptors::raise_descriptor_limit,
    entry::{Protocol, serve_inside, serve_plain},
    listener::Listener,
    opening::NotOpened,
    request_body::RequestStalled,
    tls::{ALPN, InvalidTls, Tls},
};
use crate::config;

/// What every connection is held to. `server.header_timeout` also bounds a client's silence within a
/// request body. Clones share the connection permits, so several listeners that
/// are given clones of one value are limited together.
#[derive(Clone)]
pub struct Limits {
    permits: Arc<Semaphore>,
    header_timeout: Duration,
    write_timeout: Duration,
    drain_timeout: Duration,
    max_head: usize,
    max_streams: u32,
    sendfile: bool,
    observe: Arc<dyn Observe>,
}

impl Limits {
    /// The configured limits; stored files are sent by `sendfile(2)`.
    #[must_use]
    pub fn new(settings: &config::server::Server) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(
                settings.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            header_timeout: settings.header_timeout.0,
            write_timeout: settings.write_timeout.0,
            drain_timeout: settings.drain_timeout.0,
            max_head: usize::try_from(settings.max_head.0).unwrap_or(usize::MAX),
            max_streams: settings.max_streams,
            sendfile: true,
            observe: Arc::new(()),
        }
    }

    /// Whether stored files are sent by `sendfile(2)`, or read and written as bytes.
    #[must_use]
    pub fn sendfile(mut self, sendfile: bool) -> Self {
        self.sendfile = sendfile;
        self
    }

    /// Who is told of connections.
    #[must_use]
    pub fn observed_by(mut self, observe: Arc<dyn Observe>) -> Self {
        self.observe = observe;
        self
    }
}

/// Is told what happens to connections, for logs and metrics.
pub trait Observe: Send + Sync {
    /// A client connected.
    fn opened(&self, _peer: SocketAddr) {}
    /// The connection is gone; `failure` says why when it did not end well.
    fn closed(&self, _peer: SocketAddr, _failure: Option<&BoxError>) {}
    /// A client shook hands; `resumed` when a ticket of an earlier connection spared it most of that.
    fn shook_hands(&self, _resumed: bool) {}
    /// A client did not come to its first request: no TLS, no header of the load balancer, silence.
    fn not_opened(&self, _peer: SocketAddr, _failure: &NotOpened) {}
    /// A connection could not be accepted; accepting goes on.
    fn not_accepted(&self, _error: &io::Error) {}
}

/// Tells nobody.
impl Observe for () {}

/// The stack that answers requests: built once, cloned for each connection.
pub trait Stack:
    Service<
        Request<Body>,
        Response = Response<Body>,
        Error: Into<BoxError> + Send + 'static,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Stack for S where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error: Into<BoxError> + Send + 'static,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// How long a listener and its connections live.
#[derive(Clone)]
pub struct Lifetime {
    /// Cancelled to stop accepting and to drain.
    pub stop: CancellationToken,
    /// Owns the task of every connection: close it and wait for it after `stop`.
    pub connections: TaskTracker,
}

/// Accepts connections and serves `stack` on each until `stop` is cancelled.
///
/// Returns as soon as it stopped accepting. Connections then finish the response they are sending,
/// idle ones close at once, and what is still open after the drain time-out is cut, so that waiting
/// for the tracker is bounded.
pub async fn serve<S: Stack>(listener: Listener, stack: S, limits: Limits, lifetime: Lifetime) {
    let mut listener = listener;
    loop {
        let accepted = tokio::select! {
            () = lifetime.stop.cancelled() => return,
            accepted = listener.accept(&limits) => accepted,
        };
        let (stream, peer, permit) = accepted;
        let connection = entry::serve(
            listener.opening(),
            (stream, peer),
            stack.clone(),
            limits.clone(),
            lifetime.stop.child_token(),
        );
        lifetime.connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
}

/// An accepted connection and the address of its client.
type Accepted = (TcpStream, SocketAddr);
