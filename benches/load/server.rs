//! The servers under test: started on the server's core, measured by their processes, ended by their id.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::{
    exchange::Way,
    machine::{children, cpu_time, forget_peak, on_server_core, peak_resident},
    nginx,
    origin::Object,
    stores, tls,
};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(20);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// This cache.
    Ours,
    /// nginx with `proxy_cache`.
    Nginx,
}

/// Which way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Door {
    /// `/fetch?url=`; nginx is asked for the path as a reverse proxy.
    Fetch,
    /// Absolute form, as a forward proxy is asked.
    Proxy,
    /// As `Fetch`, inside TLS.
    Tls,
    /// As the origin is asked, through a CONNECT tunnel.
    Tunnel,
}

/// Where programs and data are.
pub(super) struct Place<'a> {
    pub(super) cache_binary: &'a Path,
    pub(super) cache_flags: &'a [String],
    pub(super) nginx_binary: Option<PathBuf>,
    pub(super) nginx_nopush: bool,
    /// Where data directories are made.
    pub(super) data: &'a Path,
    pub(super) origin: SocketAddr,
    /// The object store.
    pub(super) store: SocketAddr,
}

/// A running server on fresh data.
pub(super) struct Server {
    pub(super) kind: Kind,
    address: SocketAddr,
    tls_address: SocketAddr,
    connector: TlsConnector,
    origin: SocketAddr,
    child: Child,
    processes: Vec<u32>,
    /// Resident memory in bytes before its first request.
    pub(super) fresh: u64,
    /// Removed when the server is dropped.
    data: TempDir,
}

impl Server {
    /// Starts it and waits until it takes connections.
    pub(super) fn start(kind: Kind, place: &Place<'_>) -> io::Result<Self> {
        let data = tempfile::Builder::new()
            .prefix("load-")
            .tempdir_in(place.data)?;
        let (address, tls_address) = (free_address()?, free_address()?);
        let connector = tls::prepare(data.path())?;
        let mut command = match kind {
            Kind::Ours => ours(place, address, tls_address, data.path()),
            Kind::Nginx => {
                let binary = place.nginx_binary.as_ref().ok_or(io::ErrorKind::NotFound)?;
                nginx::command(binary, (address, tls_address), place, data.path())?
            }
        };
        let log = fs::File::create(data.path().join("log"))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut server = Self {
            kind,
            address,
            tls_address,
            connector,
            origin: place.origin,
            child: on_server_core(|| command.spawn())?,
            processes: Vec::new(),
            fresh: 0,
            data,
        };
        server.wait_until_ready()?;
        server.processes = server.find_processes()?;
        server.forget_peak()?;
        server.fresh = server.peak_resident()?;
        Ok(server)
    }

    /// Where connections for this way in go.
    pub(super) fn address_of(&self, door: Door) -> SocketAddr {
        match door {
            Door::Tls => self.tls_address,
            _ => self.address,
        }
    }

    /// How connections for this way in begin.
    pub(super) fn way(&self, door: Door) -> Way {
        match door {
            Door::Tls => Way::Tls(self.connector.clone()),
            Door::Tunnel => Way::Tunnel(self.origin),
            Door::Fetch | Door::Proxy => Way::Plain,
        }
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.data.path().join("log"))?;
                return Err(io::Error::other(format!(
                    "{:?} ended: {status}\n{log}",
                    self.kind
                )));
            }
            if start.elapsed() > START {
                return Err(io::Error::other(format!("{:?} does not listen", self.kind)));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The child, and its own children once there are as many as there must be: nginx listens before it has its worker.
    fn find_processes(&self) -> io::Result<Vec<u32>> {
        let (child, start) = (self.child.id(), Instant::now());
        loop {
            let mut processes = children(child)?;
            if self.kind == Kind::Ours || processes.len() >= nginx::CHILDREN {
                processes.push(child);
                return Ok(processes);
            }
            if start.elapsed() > START {
                return Err(io::Error::other("nginx has no worker"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// User and system time so far of all its processes.
    pub(super) fn cpu_time(&self) -> io::Result<Duration> {
        self.processes.iter().map(|pid| cpu_time(*pid)).sum()
    }

    /// User and system time since it was `before`.
    pub(super) fn cpu_since(&self, before: Duration) -> io::Result<Duration> {
        Ok(self.cpu_time()?.saturating_sub(before))
    }

    /// Most resident memory in bytes since [`Server::forget_peak`], of all its processes together.
    pub(super) fn peak_resident(&self) -> io::Result<u64> {
        self.processes.iter().map(|pid| peak_resident(*pid)).sum()
    }

    pub(super) fn forget_peak(&self) -> io::Result<()> {
        self.processes.iter().try_for_each(|pid| forget_peak(*pid))
    }

    /// The bytes of a GET of the object through the door, with these further field lines.
    pub(super) fn request(
        &self,
        door: Door,
        object: &Object,
        query: &str,
        fields: &str,
    ) -> Vec<u8> {
        let (origin, path) = (self.origin, object.path());
        let target = match (door, self.kind) {
            (Door::Proxy, _) => format!("http://{origin}{path}"),
            (Door::Fetch | Door::Tls, Kind::Nginx) | (Door::Tunnel, _) => path,
            (Door::Fetch | Door::Tls, Kind::Ours) => {
                let path = path.replace('/', "%2F");
                format!(
                    "/fetch?url=http%3A%2F%2F{}{path}{query}",
                    origin.to_string().replace(':', "%3A")
                )
            }
        };
        format!("GET {target} HTTP/1.1\r\nHost: {origin}\r\n{fields}\r\n").into_bytes()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child is not waited for yet, so its id is still its own. nginx ends its workers on SIGTERM.
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap_or_default();
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(40) {
                self.child.kill().unwrap_or_default();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn ours(place: &Place<'_>, address: SocketAddr, tls_address: SocketAddr, data: &Path) -> Command {
    let mut command = Command::new(place.cache_binary);
    command
        .args(["serve", "--listen", &address.to_string()])
        .args([
            "--metrics-listen",
            "127.0.0.1:0",
            "--allow-cidr",
            "127.0.0.0/8",
        ])
        // nginx writes no access log here either.
        .args(["--log-level", "warn", "--data"])
        .arg(data.join("data"))
        .env(
            "ARTIFACT_CACHE__SERVER__LISTENERS",
            format!("[https://{tls_address}]"),
        )
        .env(
            "ARTIFACT_S3_ENDPOINT_URL",
            format!("http://{}", place.store),
        )
        .env("AWS_ACCESS_KEY_ID", stores::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", stores::SECRET_KEY)
        .env("ARTIFACT_CACHE__SERVER__MAX_CONNECTIONS", "20000")
        .env(
            "ARTIFACT_CACHE__TLS__CERTIFICATE",
            data.join(tls::CERTIFICATE),
        )
        .env("ARTIFACT_CACHE__TLS__KEY", data.join(tls::KEY))
        // Idle ones are to stay as long as they are looked at.
        .env("ARTIFACT_CACHE__SERVER__HEADER_TIMEOUT", "10m")
        .env("ARTIFACT_CACHE__PROXY__CONNECT_PORTS", "[1024-65535]")
        .args(place.cache_flags);
    command
}

/// A port that is free now; the server takes it a moment later.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
