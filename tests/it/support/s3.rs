//! An object store that is not ours: s3s with its buckets in a directory. It checks every signature, and
//! runs in a thread of this process on a free port.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, host::SingleDomain, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_rustls::TlsAcceptor;

use super::origin::Authority;

pub(crate) const ACCESS_KEY: &str = "AKTESTTESTTEST";
pub(crate) const SECRET_KEY: &str = "a secret/of+the=tests";
/// The domain below which its buckets are hosts.
pub(crate) const DOMAIN: &str = "s3.localhost";
/// The bucket that it has from the start.
pub(crate) const BUCKET: &str = "models";

/// A running store; it ends when it is dropped.
pub(crate) struct Store {
    directory: TempDir,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    runtime: Option<Runtime>,
    authority: Option<Authority>,
}

impl Store {
    pub(crate) fn start() -> Self {
        Self::with_authority(None)
    }

    /// A store that speaks https, with a certificate for its address by an authority of its own.
    pub(crate) fn start_tls() -> Self {
        Self::with_authority(Some(Authority::new()))
    }

    fn with_authority(authority: Option<Authority>) -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join(BUCKET)).unwrap();
        let mut store = Self {
            directory,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            requests: Arc::default(),
            runtime: None,
            authority,
        };
        store.listen();
        store
    }

    fn listen(&mut self) {
        let address = self.address;
        // Tests may have a runtime of their own, in which this one could not wait.
        let bound = std::thread::spawn(move || bound(address)).join();
        let (runtime, listener) = bound.unwrap();
        self.address = listener.local_addr().unwrap();
        let service = service(self.directory.path());
        let requests = self.requests.clone();
        let tls = self.authority.as_ref().map(Authority::server);
        let tls = tls.map(TlsAcceptor::from);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (service, requests) = (service.clone(), requests.clone());
                let served = hyper::service::service_fn(move |request: http::Request<_>| {
                    let line = format!("{} {}", request.method(), request.uri());
                    requests.lock().unwrap().push(line);
                    hyper::service::Service::call(&service, request)
                });
                let http = http1::Builder::new();
                match tls.clone() {
                    Some(tls) => drop(tokio::spawn(async move {
                        // Who does not trust the certificate ends here.
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(http.serve_connection(TokioIo::new(stream), served).await);
                        }
                    })),
                    None => drop(tokio::spawn(
                        http.serve_connection(TokioIo::new(stream), served),
                    )),
                }
            }
        });
        self.runtime = Some(runtime);
    }

    /// Cuts every connection and stops listening, as a crash does.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            let ended = || runtime.shutdown_timeout(Duration::from_secs(10));
            std::thread::spawn(ended).join().unwrap();
        }
    }

    /// Listens again at the same address, with what is in its directory.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.listen();
    }

    pub(crate) fn url(&self) -> String {
        match self.authority {
            Some(_) => format!("https://{}", self.address),
            None => format!("http://{}", self.address),
        }
    }

    /// The authority of a store that speaks https.
    pub(crate) fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a store started with TLS")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file of an object whose key is a plain path.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.directory.path().join(BUCKET).join(key)
    }

    /// Everything in the store's directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Puts an object there without asking the store.
    pub(crate) fn place(&self, key: &str, bytes: &[u8]) {
        let file = self.file(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    /// Method and target of every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests have this method.
    pub(crate) fn count(&self, method: &str) -> usize {
        let requests = self.requests();
        let start = format!("{method} ");
        requests
            .iter()
            .filter(|line| line.starts_with(&start))
            .count()
    }

    /// Section `s3` of a configuration with this store as the only one.
    pub(crate) fn settings(&self) -> String {
        self.settings_with(ACCESS_KEY, SECRET_KEY, "")
    }

    /// The same with these keys and further settings in YAML's flow style.
    pub(crate) fn settings_with(&self, access_key: &str, secret_key: &str, more: &str) -> String {
        Self::settings_at(&self.url(), access_key, secret_key, more)
    }

    /// The same for a way to the store.
    pub(crate) fn settings_at(url: &str, access_key: &str, secret_key: &str, more: &str) -> String {
        format!(
            "s3: {{endpoints: {{default: {{url: '{url}', access_key: '{access_key}', secret_key: '{secret_key}', {more}}}}}}}\n"
        )
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn bound(address: SocketAddr) -> (Runtime, TcpListener) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
    (runtime, listener)
}

fn service(directory: &Path) -> s3s::service::S3Service {
    let mut builder = S3ServiceBuilder::new(FileSystem::new(directory).unwrap());
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.set_host(SingleDomain::new(DOMAIN).unwrap());
    builder.build()
}
