//! One connection from accept to close: hyper's settings, the stack behind it, and how it drains.

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{Interim, Peer},
};
use http::{Method, Request, Version};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::http1::Builder,
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Accepted, Limits, Stack,
    answer::Answer,
    plain::Plain,
    request_body::RequestBody,
    timer::ConnectionTimer,
    zero_copy::{Socket, Wire},
};

/// The largest read buffer of a connection; hyper starts with 8 KiB and grows it for uploads. It also
/// bounds how many bytes in memory wait to be written.
const BUFFER_BYTES: usize = 256 << 10;

/// Serves a TCP connection: bodies in files leave by `sendfile(2)` unless that is switched off.
pub(super) fn serve_tcp<S: Stack>(
    accepted: Accepted,
    stack: S,
    limits: &Limits,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let (stream, peer) = accepted;
    let wire = Arc::new(Wire::new(limits.sendfile));
    let socket = Socket::new(stream, Arc::clone(&wire), limits.write_timeout);
    let connection = Connection::new(peer, limits, stop);
    let answer = connection.answer(stack);
    let service = service_fn(move |request: Request<Incoming>| {
        let is_connect = request.method() == Method::CONNECT;
        // A client of HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
        let takes = request.version() > Version::HTTP_10;
        let interim = wire.interims().begin();
        let answer = answer(request, takes.then_some(interim));
        let (wire, answer) = (Arc::clone(&wire), wire.interims().before(answer));
        async move {
            let response = answer.await?;
            if is_connect && response.status().is_success() {
                wire.tunnel();
            }
            Ok::<_, S::Error>(wire.carry(response))
        }
    });
    async move { connection.drive(socket, service).await }
}

/// Serves any byte stream, for example the inside of TLS: every body leaves as bytes.
pub async fn serve_plain<I, S>(
    (io, peer): (I, SocketAddr),
    stack: S,
    limits: Limits,
    stop: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    let io = Plain::new(TokioIo::new(io), limits.write_timeout);
    let connection = Connection::new(peer, &limits, &stop);
    let service = service_fn({
        let answer = connection.answer(stack);
        move |request| answer(request, None)
    });
    connection.drive(io, service).await;
}

/// What is known of a connection while it lasts.
struct Connection {
    peer: SocketAddr,
    limits: Limits,
    stop: CancellationToken,
}

/// The connection was still busy when the drain time-out ended.
#[derive(Debug, thiserror::Error)]
#[error("cut off after waiting {0:?} for its response to end")]
struct DrainExpired(Duration);

impl Connection {
    fn new(peer: SocketAddr, limits: &Limits, stop: &CancellationToken) -> Self {
        Self {
            peer,
            limits: limits.clone(),
            // A token is asked at each turn of the task, under a lock: this one is the connection's own.
            stop: stop.child_token(),
        }
    }

    /// How a request is answered: by the connection's own stack, which is told the client's address.
    /// Requests of one connection come one after the other, so that nobody waits for the lock.
    fn answer<S: Stack>(
        &self,
        stack: S,
    ) -> impl Fn(Request<Incoming>, Option<Interim>) -> Answer<S> + Send + use<S> {
        let (peer, silence) = (self.peer, self.limits.header_timeout);
        let stack = Arc::new(Mutex::new(stack));
        move |request, interim| {
            let mut request =
                request.map(|incoming| Body::stream(RequestBody::new(incoming, silence)));
            request.extensions_mut().insert(Peer(peer, interim));
            Answer::new(Arc::clone(&stack), request)
        }
    }

    async fn drive<I, V>(self, io: I, service: V)
    where
        I: Read + Write + Unpin + Send + 'static,
        V: HttpService<Incoming, Error: Into<BoxError>>,
        V::ResBody: 'static,
        <V::ResBody as http_body::Body>::Error: Into<BoxError>,
    {
        self.limits.observe.opened(self.peer);
        let failure = self.run(io, service).await.err();
        self.limits.observe.closed(self.peer, failure.as_ref());
    }

    /// hyper-util's graceful shutdown refuses connections that can be upgraded, hence by hand.
    async fn run<I, V>(&self, io: I, service: V) -> Result<(), BoxError>
    where
        I: Read + Write + Unpin + Send + 'static,
        V: HttpService<Incoming, Error: Into<BoxError>>,
        V::ResBody: 'static,
        <V::ResBody as http_body::Body>::Error: Into<BoxError>,
    {
        let connection = self.settings().serve_connection(io, service);
        let mut connection = pin!(connection.with_upgrades());
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(Into::into),
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let drain = self.limits.drain_timeout;
        match timeout(drain, connection).await {
            Ok(ended) => ended.map_err(Into::into),
            Err(_) => Err(DrainExpired(drain).into()),
        }
    }

    /// Never hyper-util's `auto` builder: it has no deadline for a client that says nothing. Here
    /// `header_read_timeout` covers silence, half a head, and idleness between requests.
    fn settings(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .timer(ConnectionTimer::default())
            .header_read_timeout(self.limits.header_timeout)
            .max_header_size(self.limits.max_head)
            .max_buf_size(BUFFER_BYTES.max(self.limits.max_head))
            .writev(true);
        builder
    }
}
