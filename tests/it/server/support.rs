//! A server on a free port, the stack behind it, and a client that reads byte for byte.

use std::{
    convert::Infallible,
    fs::File,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::FileExt as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache::{
    config::{self},
    server::{Lifetime, Limits, Listener, Stack, serve},
};
use artifact_cache_layers::{
    body::{Body, BoxError, FileBody, FileRegion, Payload},
    extensions::Peer,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use sha2::{Digest as _, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::service_fn;

/// Longest that a test waits for a peer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How a stored file may be read in a test; the other way fails.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    Regions,
    Bytes,
}

/// A part of a file as the store would answer it.
pub(super) struct Stored {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
    pub(super) end: u64,
    pub(super) step: u64,
    pub(super) way: Way,
    pub(super) known: bool,
}

impl Stored {
    pub(super) fn next(&mut self, way: Way) -> Option<Result<FileRegion, BoxError>> {
        if way != self.way {
            return Some(Err("read the wrong way".into()));
        }
        let len = self.step.min(self.end - self.at);
        let (file, offset) = (Arc::clone(&self.file), self.at);
        self.at += len;
        (len > 0).then_some(Ok(FileRegion { file, offset, len }))
    }
}

impl FileBody for Stored {
    fn poll_payload(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Payload, BoxError>>> {
        let next = self.next(Way::Regions);
        Poll::Ready(next.map(|region| region.map(Payload::Region)))
    }

    fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        Poll::Ready(self.next(Way::Bytes).map(|region| {
            let region = region?;
            let mut bytes = vec![0; usize::try_from(region.len)?];
            region.file.read_exact_at(&mut bytes, region.offset)?;
            Ok(bytes.into())
        }))
    }

    fn remaining(&self) -> Option<u64> {
        self.known.then(|| self.end - self.at)
    }
}

/// The stack of the tests. `/file/<from>/<to>/<step>` is a part of the file, `/open/…` the same with
/// unknown length, `/memory/<from>/<to>/0` the same from memory, `/304/…` a 304, `/peer` the address.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) file: Arc<File>,
    pub(super) way: Way,
}

impl Files {
    pub(super) fn answer(&self, request: &Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        if parts[0] == "peer" {
            let peer = request.extensions().get::<Peer>().expect("a peer");
            return Response::new(Body::from(peer.0.to_string()));
        }
        let [at, end, step] = [1, 2, 3].map(|n| parts[n].parse::<u64>().unwrap());
        let (file, way, known) = (Arc::clone(&self.file), self.way, parts[0] != "open");
        let body = match parts[0] {
            "304" => return Response::builder().status(304).body(Body::empty()).unwrap(),
            "memory" => {
                let mut bytes = vec![0; usize::try_from(end - at).unwrap()];
                file.read_exact_at(&mut bytes, at).unwrap();
                Body::from(bytes)
            }
            "broken" => two_parts(false),
            "short" => {
                let promised = Response::builder().header("content-length", 20);
                return promised.body(two_parts(true)).unwrap();
            }
            _ => Body::file(Box::new(Stored {
                file,
                at,
                end,
                step,
                way,
                known,
            })),
        };
        Response::new(body)
    }
}

/// Two frames of four bytes, then the end or an error.
pub(super) struct Parts {
    pub(super) left: u8,
    pub(super) ends_well: bool,
}

pub(super) fn two_parts(ends_well: bool) -> Body {
    Body::stream(Parts { left: 2, ends_well })
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let part = Frame::data(Bytes::from_static(b"part"));
        Poll::Ready(match self.left {
            0 if self.ends_well => None,
            0 => Some(Err("the origin vanished".into())),
            _ => {
                self.left -= 1;
                Some(Ok(part))
            }
        })
    }
}

/// A server on a free port.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) lifetime: Lifetime,
}

impl Running {
    pub(super) fn start(listener: Listener, limits: Limits, files: Files) -> Self {
        let stack = service_fn(move |request: Request<Body>| {
            let response = files.answer(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        Self::with(listener, limits, stack)
    }

    pub(super) fn with(listener: Listener, limits: Limits, stack: impl Stack) -> Self {
        let lifetime = Lifetime {
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, stack, limits, lifetime.clone()));
        Self { address, lifetime }
    }

    pub(super) async fn drained(&self) {
        self.lifetime.stop.cancel();
        self.lifetime.connections.close();
        tokio::time::timeout(PATIENCE, self.lifetime.connections.wait())
            .await
            .expect("every connection ends");
    }
}

pub(super) fn settings() -> config::server::Server {
    config::server::Server::default()
}

pub(super) fn listener() -> Listener {
    Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

/// A listener whose connections have small send buffers, so that writes are cut in many places.
pub(super) fn tight_listener() -> Listener {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 16 << 10).unwrap();
    Listener::inherited(socket).unwrap()
}

/// A file of `len` bytes that do not repeat soon.
pub(super) fn noise(len: usize) -> (Arc<File>, Vec<u8>) {
    let mut random = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    (Arc::new(file), bytes)
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
