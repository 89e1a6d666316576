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
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Limits, Stack,
    answer::Answer,
    http2::{self, Drain, Own, as_http1},
    interim::Interims,
    plain::Plain,
    request_body::RequestBody,
    streams::{Executor, Overdue, StreamStalled, Streams},
    timer::ConnectionTimer,
    zero_copy::{Socket, Wire},
};

/// The largest read buffer of a connection; hyper starts with 8 KiB and grows it for uploads. It also
/// bounds how many bytes in memory wait to be written.
const BUFFER_BYTES: usize = 256 << 10;

/// What is known of a connection while it lasts.
pub(super) struct Connection {
    peer: SocketAddr,
    limits: Limits,
    stop: CancellationToken,
}

/// The connection was still busy when the drain time-out ended.
#[derive(Debug, thiserror::Error)]
#[error("cut off after waiting {0:?} for its response to end")]
struct DrainExpired(Duration);

impl Connection {
    /// A token is asked at each turn of the task, under a lock: `stop` is the connection's own.
    pub(super) fn new(peer: SocketAddr, limits: &Limits, stop: &CancellationToken) -> Self {
        Self {
            peer,
            limits: limits.clone(),
            stop: stop.clone(),
        }
    }

    /// Bodies in files leave by `sendfile(2)` unless that is switched off.
    pub(super) async fn serve_tcp<S: Stack>(
        self,
        stream: TcpStream,
        stack: S,
    ) -> Result<(), BoxError> {
        let wire = Arc::new(Wire::new(self.limits.sendfile));
        let socket = Socket::new(stream, Arc::clone(&wire), self.limits.write_timeout);
        let answer = self.answer(stack);
        let service = service_fn(move |request: Request<Incoming>| {
            let is_connect = request.method() == Method::CONNECT;
            let takes = takes_interims(&request);
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
        self.run(socket, service).await
    }

    pub(super) async fn serve_bytes<I, S>(self, io: I, stack: S) -> Result<(), BoxError>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Stack,
    {
        let interims = Arc::<Interims>::default();
        let io = Plain::new(TokioIo::new(io), self.limits.write_timeout)
            .with_interims(Arc::clone(&interims));
        let answer = self.answer(stack);
        let service = service_fn(move |request: Request<Incoming>| {
            let takes = takes_interims(&request);
            let interim = interims.begin();
            interims.before(answer(request, takes.then_some(interim)))
        });
        self.run(io, service).await
    }

    /// hyper's HTTP/2 knows no deadline for idle clients and for slow readers of one response; `Streams`
    /// does. What is open when the connection ends is waited for, which its end makes short.
    pub(super) async fn serve_http2<I, S>(self, io: I, stack: S, own: Own) -> Result<(), BoxError>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Stack,
    {
        let (streams, executor) = (Streams::new(), Executor::default());
        let (answer, begun) = (self.answer(stack), streams.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let stream = begun.begin();
            let answer = answer(as_http1(request, &own), None);
            async move {
                let response = answer.await?;
                Ok::<_, S::Error>(response.map(|body| stream.carry(body)))
            }
        });
        let io = Plain::new(TokioIo::new(io), self.limits.write_timeout);
        let settings = http2::settings(&self.limits, executor.clone());
        let ended = self
            .run_http2(settings.serve_connection(io, service), &streams)
            .await;
        executor.0.close();
        // A stream's task ends with the connection; one that does not is not worth waiting for.
        let _ = timeout(self.limits.drain_timeout, executor.0.wait()).await;
        ended
    }

    async fn run_http2<C>(&self, connection: C, streams: &Streams) -> Result<(), BoxError>
    where
        C: Future<Output = hyper::Result<()>> + Drain,
    {
        let limits = &self.limits;
        let mut connection = Box::pin(connection);
        let overdue = streams.overdue(limits.header_timeout, limits.write_timeout);
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(Into::into),
            () = self.stop.cancelled() => connection.as_mut().drain(),
            overdue = overdue => match overdue {
                Overdue::Idle => connection.as_mut().drain(),
                Overdue::Stalled => return Err(StreamStalled.into()),
            }
        }
        match timeout(limits.drain_timeout, connection).await {
            Ok(ended) => ended.map_err(Into::into),
            Err(_) => Err(DrainExpired(limits.drain_timeout).into()),
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
    /// `header_read_timeout` covers silence, half a head, and idleness between requests. A client that
    /// closes its half behind a request still gets the answer (decision 0061).
    fn settings(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .timer(ConnectionTimer::default())
            .header_read_timeout(self.limits.header_timeout)
            .half_close(true)
            .max_header_size(self.limits.max_head)
            .max_buf_size(BUFFER_BYTES.max(self.limits.max_head))
            .writev(true);
        builder
    }
}

/// A client of HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
fn takes_interims<B>(request: &Request<B>) -> bool {
    request.version() > Version::HTTP_10
}
