//! A scripted origin on a real socket: the bytes a test scripts are the bytes that go out.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

mod connection;
mod content;
mod gate;
mod negotiate;
mod received;
mod reply;
mod tls;

pub(crate) use content::Content;
pub(crate) use gate::Gate;
pub(crate) use received::Received;
pub(crate) use reply::{Chunks, Reply};
pub(crate) use tls::Authority;

type Script = dyn Fn(&Received, usize) -> Reply + Send + Sync;

/// An origin server. It stops when it is dropped.
pub(crate) struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: Option<Authority>,
    running: Option<JoinHandle<()>>,
}

/// What the connections of an origin share with the test.
struct Shared {
    routes: Mutex<HashMap<String, (Arc<Script>, usize)>>,
    received: Mutex<Vec<Arc<Received>>>,
    open: Mutex<Vec<Weak<TcpStream>>>,
    connections: AtomicUsize,
    is_stopped: AtomicBool,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Origin {
    /// An origin that speaks http on a free port of 127.0.0.1.
    pub(crate) fn start() -> Self {
        Self::with_authority(None)
    }

    /// An origin that speaks https, with a certificate for `localhost` and 127.0.0.1 by an authority of its own.
    pub(crate) fn start_tls() -> Self {
        Self::with_authority(Some(Authority::new()))
    }

    /// An origin that speaks https with this certificate.
    pub(crate) fn start_with(
        chain: Vec<rustls::pki_types::CertificateDer<'static>>,
        key: rustls::pki_types::PrivateKeyDer<'static>,
    ) -> Self {
        Self::with_tls(Some(Authority::showing(chain, key)), None)
    }

    fn with_authority(authority: Option<Authority>) -> Self {
        Self::with_tls(authority.as_ref().map(Authority::server), authority)
    }

    fn with_tls(tls: Option<Arc<rustls::ServerConfig>>, authority: Option<Authority>) -> Self {
        let shared = Shared {
            routes: Mutex::default(),
            received: Mutex::default(),
            open: Mutex::default(),
            connections: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(true),
            tls,
        };
        let mut origin = Self {
            shared: Arc::new(shared),
            address: ([127, 0, 0, 1], 0).into(),
            authority,
            running: None,
        };
        origin.restart();
        origin
    }

    /// Answers every request for `path` with `reply` from now on.
    pub(crate) fn route(&self, path: &str, reply: Reply) {
        self.script(path, move |_, _| reply.clone());
    }

    /// Answers the first requests for `path` with `replies` in order, and all further ones with the last.
    pub(crate) fn sequence(&self, path: &str, replies: impl Into<Vec<Reply>>) {
        let replies = replies.into();
        self.script(path, move |_, nth| {
            replies[nth.min(replies.len() - 1)].clone()
        });
    }

    /// Answers requests for `path` by what `script` says of the request and of how many there were before.
    ///
    /// A path with a query matches that target only; one without matches every query; `*` is for whatever has no route.
    pub(crate) fn script(
        &self,
        path: &str,
        script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) {
        let mut routes = self.shared.routes.lock().unwrap();
        routes.insert(path.to_owned(), (Arc::new(script), 0));
    }

    /// The URL of `path` here.
    pub(crate) fn url(&self, path: &str) -> String {
        match self.authority {
            // Certificates for names are what clients check best.
            Some(_) => format!("https://localhost:{}{path}", self.address.port()),
            None => format!("http://{}{path}", self.address),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority of an https origin.
    pub(crate) fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("an origin started with TLS")
    }

    /// Every request so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Arc<Received>> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The requests for `path`, with whatever query.
    pub(crate) fn requests_for(&self, path: &str) -> Vec<Arc<Received>> {
        let mut requests = self.requests();
        requests.retain(|request| request.path() == path || request.target == path);
        requests
    }

    /// How many requests there were for `path`.
    pub(crate) fn hits(&self, path: &str) -> usize {
        self.requests_for(path).len()
    }

    /// How many body bytes were sent for `path`, all requests together.
    pub(crate) fn bytes_sent(&self, path: &str) -> u64 {
        let requests = self.requests_for(path);
        requests.iter().map(|request| request.bytes_sent()).sum()
    }

    /// How many connections were accepted, ever.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open_connections(&self) -> usize {
        let open = self.shared.open.lock().unwrap();
        open.iter()
            .filter(|stream| stream.strong_count() > 0)
            .count()
    }

    /// Forgets the recorded requests.
    pub(crate) fn forget_requests(&self) {
        self.shared.received.lock().unwrap().clear();
    }

    /// Ends all connections and listens no more: connecting is refused from here on.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.shared.is_stopped.store(true, Ordering::SeqCst);
            // Wakes the accept loop, which then sees the flag.
            drop(TcpStream::connect(self.address));
            running.join().expect("the origin's thread ended well");
        }
    }

    /// Listens again on the same port, with the same routes and records.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let listener = TcpListener::bind(self.address).expect("the port is free");
        self.address = listener.local_addr().unwrap();
        self.shared.is_stopped.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        self.running = Some(thread::spawn(move || shared.accept(&listener)));
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut serving = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            if self.is_stopped() {
                break;
            }
            let stream = Arc::new(stream);
            self.open.lock().unwrap().push(Arc::downgrade(&stream));
            let number = self.connections.fetch_add(1, Ordering::SeqCst);
            let shared = Arc::clone(self);
            serving.push(thread::spawn(move || shared.serve(&stream, number)));
        }
        for stream in self.open.lock().unwrap().drain(..) {
            if let Some(stream) = stream.upgrade() {
                // Whoever serves it sees its end and goes; an error means it is gone already.
                stream.shutdown(std::net::Shutdown::Both).ok();
            }
        }
        for thread in serving {
            thread.join().expect("an origin's connection ended well");
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// Records the request and looks up what to answer.
    fn answer(&self, request: Received) -> (Arc<Received>, Reply) {
        let (script, nth) = {
            let mut routes = self.routes.lock().unwrap();
            let keys = [request.target.as_str(), request.path(), "*"];
            let key = keys.into_iter().find(|key| routes.contains_key(*key));
            match key.and_then(|key| routes.get_mut(key)) {
                Some((script, count)) => {
                    *count += 1;
                    (Some(Arc::clone(script)), *count - 1)
                }
                None => (None, 0),
            }
        };
        let reply = script.map_or_else(|| Reply::status(404), |script| script(&request, nth));
        let reply = reply.negotiated(&request);
        let request = Arc::new(request);
        self.received.lock().unwrap().push(Arc::clone(&request));
        (request, reply)
    }
}
