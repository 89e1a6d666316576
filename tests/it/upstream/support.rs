//! A scripted origin on a free port, and requests to it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artifact_cache::{
    config::{self},
    upstream::{Guard, Roots, UpstreamFailure, Upstreams},
};
use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Longest that a test waits for a peer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What an origin does after it read a request.
pub(super) enum Act {
    /// Sends the bytes and waits for the next request.
    Answer(Vec<u8>),
    /// Sends the bytes and closes.
    Close(Vec<u8>),
    /// Sends the bytes and stays silent.
    Hang(Vec<u8>),
}

pub(super) fn answer(text: &str) -> Act {
    Act::Answer(text.as_bytes().to_vec())
}

pub(super) fn close(text: &str) -> Act {
    Act::Close(text.as_bytes().to_vec())
}

/// A scripted origin on a free port; it remembers the heads it read.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
    pub(super) _connections: JoinSet<()>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) requests: Mutex<Vec<String>>,
    pub(super) connections: AtomicUsize,
}

impl Origin {
    pub(super) async fn start(script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Self {
        Self::with(None, script).await
    }

    pub(super) async fn with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&str, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, script) = (Arc::new(Seen::default()), Arc::new(script));
        let mut connections = JoinSet::new();
        let shared = Arc::clone(&seen);
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, script, tls) = (Arc::clone(&shared), Arc::clone(&script), tls.clone());
                served.spawn(async move {
                    match tls {
                        None => play(stream, &seen, &*script).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                play(stream, &seen, &*script).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _connections: connections,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

pub(super) async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Seen,
    script: &(dyn Fn(&str, usize) -> Act + Send + Sync),
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let nth = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(head.clone());
            requests.len()
        };
        match script(&head, nth) {
            Act::Answer(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} must not be reached")]
pub(super) struct Denied(pub(super) String);

/// Refuses one host and one port, and remembers nothing.
#[derive(Default)]
pub(super) struct Rule {
    pub(super) port: Option<u16>,
}

impl Guard for Rule {
    fn check_uri(&self, uri: &TargetUri) -> Result<(), BoxError> {
        match uri.host() {
            "denied.example" => Err(Denied(uri.to_string()).into()),
            _ => Ok(()),
        }
    }

    fn check_authority(&self, _: &str, _: u16) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), BoxError> {
        if Some(address.port()) == self.port {
            return Err(Denied(address.to_string()).into());
        }
        Ok(())
    }
}

pub(super) fn settings() -> config::upstream::Upstream {
    config::upstream::Upstream {
        user_agent: "cache-under-test/1".into(),
        timeout_seconds: 10,
        ..Default::default()
    }
}

pub(super) fn upstreams(settings: &config::upstream::Upstream) -> Upstreams {
    Upstreams::with_roots(settings, Arc::new(Rule::default()), Roots::none()).unwrap()
}

pub(super) fn request(method: Method, uri: &str, mode: Mode) -> Request<Body> {
    let target = Target {
        signed: None,
        uri: uri.parse().unwrap(),
        mode,
        expect: None,
        delivery: Delivery::Hold,
    };
    let request = Request::builder().method(method).uri(uri).extension(target);
    request.body(Body::empty()).unwrap()
}

pub(super) async fn send(
    upstreams: &Upstreams,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    timeout(PATIENCE, upstreams.clone().oneshot(request))
        .await
        .unwrap()
}

pub(super) async fn get(upstreams: &Upstreams, uri: &str) -> Result<Response<Body>, BoxError> {
    send(upstreams, request(Method::GET, uri, Mode::Explicit)).await
}

pub(super) async fn read(response: Response<Body>) -> Result<Bytes, BoxError> {
    let collected = timeout(PATIENCE, response.into_body().collect())
        .await
        .unwrap();
    Ok(collected?.to_bytes())
}

pub(super) fn failure(error: &BoxError) -> &UpstreamFailure {
    cause_of::<UpstreamFailure>(&**error).unwrap_or_else(|| panic!("no failure in {error:?}"))
}

pub(super) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
