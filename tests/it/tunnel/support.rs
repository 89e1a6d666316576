//! A server that only tunnels.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use artifact_cache::{
    config::{self},
    proxy::{Closed, End, Observe, Refusal, Refused, Traffic, Tunnel},
    server::{Lifetime, Limits, Listener, serve},
    upstream::{Dialer, Guard},
};
use artifact_cache_layers::{
    body::{Body, BoxError},
    semantics::target_uri::TargetUri,
};
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service as _, service_fn};

/// Longest that a test waits for a peer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
#[error("{0} is off limits")]
pub(super) struct OffLimits(pub(super) String);

/// Refuses one name and one address.
pub(super) struct Rule;

impl Guard for Rule {
    fn check_uri(&self, _: &TargetUri) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_authority(&self, host: &str, _: u16) -> Result<(), BoxError> {
        let refused = host == "denied.example";
        (!refused)
            .then_some(())
            .ok_or_else(|| OffLimits(host.into()).into())
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), BoxError> {
        let refused = address.ip().to_canonical().to_string() == "127.0.0.9";
        (!refused)
            .then_some(())
            .ok_or_else(|| OffLimits(address.ip().to_string()).into())
    }
}

/// Remembers how tunnels ended.
pub(super) struct Ends(pub(super) mpsc::UnboundedSender<(Traffic, End)>);

impl Observe for Ends {
    fn closed(&self, tunnel: &Closed<'_>) {
        assert!(tunnel.peer.is_some() && tunnel.authority.contains(':'));
        self.0.send((tunnel.traffic, tunnel.end)).unwrap();
    }
}

/// A server that only tunnels.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) lifetime: Lifetime,
    pub(super) tunnels: TaskTracker,
    pub(super) cut: CancellationToken,
    pub(super) ends: mpsc::UnboundedReceiver<(Traffic, End)>,
    pub(super) refused: Arc<Mutex<Vec<Arc<Refusal>>>>,
}

impl Proxy {
    pub(super) fn start(settings: &config::proxy::Proxy) -> Self {
        let (ended, ends) = mpsc::unbounded_channel();
        let (tunnels, cut) = (TaskTracker::new(), CancellationToken::new());
        let dialer = Dialer::new(Arc::new(Rule), Duration::from_millis(700));
        let tunnel = Tunnel::new(settings, dialer, tunnels.clone(), cut.clone())
            .unwrap()
            .observed_by(Arc::new(Ends(ended)));
        let refused = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&refused);
        let stack = service_fn(move |request: Request<Body>| {
            let (answer, seen) = (tunnel.clone().call(request), Arc::clone(&seen));
            async move {
                let response = answer.await.unwrap();
                if let Some(refused) = response.extensions().get::<Refused>() {
                    seen.lock().unwrap().push(Arc::clone(&refused.0));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let lifetime = Lifetime {
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let limits = Limits::new(&config::server::Server::default());
        tokio::spawn(serve(listener, stack, limits, lifetime.clone()));
        Self {
            address,
            lifetime,
            tunnels,
            cut,
            ends,
            refused,
        }
    }

    pub(super) async fn ask(&self, head: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        (stream, String::from_utf8(answer).unwrap())
    }

    pub(super) async fn connect(&self, origin: SocketAddr) -> TcpStream {
        let (stream, head) = self
            .ask(&format!(
                "CONNECT {origin} HTTP/1.1\r\nhost: {origin}\r\n\r\n"
            ))
            .await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    pub(super) async fn end(&mut self) -> (Traffic, End) {
        timeout(PATIENCE, self.ends.recv()).await.unwrap().unwrap()
    }
}

pub(super) fn settings() -> config::proxy::Proxy {
    config::proxy::Proxy {
        connect_ports: vec!["1024-65535".into()],
        ..Default::default()
    }
}

pub(super) async fn origin() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(PATIENCE, listener.accept())
        .await
        .unwrap()
        .unwrap()
        .0
}

pub(super) async fn read_exact(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    bytes
}
