//! The product as its users run it: the built program as a child process on free ports.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::{Client, Request, Response},
    percent_encoded,
    trace::Trace,
};
use process::Process;

mod process;

/// How a cache is to be started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    config: Option<String>,
    data: Option<PathBuf>,
    /// `None` stands for 127.0.0.0/8.
    ranges: Option<Vec<String>>,
}

impl Setup {
    /// Adds flags of `serve`.
    pub(crate) fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    /// Sets an environment variable of the program.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the program this text as its configuration file.
    pub(crate) fn config(mut self, yaml: &str) -> Self {
        self.config = Some(yaml.to_owned());
        self
    }

    /// Keeps the data in a directory of the test's own instead of one that goes with the cache.
    pub(crate) fn data(mut self, directory: &Path) -> Self {
        self.data = Some(directory.to_owned());
        self
    }

    /// Allows these origins instead of 127.0.0.0/8. None at all is the product's own rule.
    pub(crate) fn allow_cidrs(mut self, ranges: &[&str]) -> Self {
        self.ranges = Some(ranges.iter().map(ToString::to_string).collect());
        self
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub(crate) fn start(self) -> Cache {
        let directory = TempDir::new().unwrap();
        let data = self.data.clone();
        let data = data.unwrap_or_else(|| directory.path().join("data"));
        if let Some(config) = &self.config {
            fs::write(directory.path().join("config.yaml"), config).unwrap();
        }
        let process = Process::spawn(self.command(directory.path(), &data));
        Cache {
            setup: self,
            directory,
            data,
            process,
        }
    }

    fn command(&self, directory: &Path, data: &Path) -> Command {
        let mut command = program();
        command
            .arg("serve")
            .args(["--metrics-listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .current_dir(directory);
        if !self.flags.iter().any(|flag| flag == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if self.config.is_some() {
            command.arg("--config").arg(directory.join("config.yaml"));
        }
        let loopback = || vec!["127.0.0.0/8".to_owned()];
        for range in self.ranges.clone().unwrap_or_else(loopback) {
            command.args(["--allow-cidr", &range]);
        }
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(&self.flags).envs(environment);
        command
    }
}

/// The built program, without arguments and without an environment that could change what it does.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artifact-cache"));
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// A running cache. It is killed when it is dropped, and its log is printed when its test fails.
pub(crate) struct Cache {
    setup: Setup,
    /// The working directory; it goes with the cache.
    directory: TempDir,
    data: PathBuf,
    process: Process,
}

impl Cache {
    /// A cache with default settings that may fetch from 127.0.0.0/8.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Setup::default().start()
    }

    pub(crate) fn setup() -> Setup {
        Setup::default()
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The main listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.main
    }

    /// The listener for metrics only.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.process.metrics
    }

    /// A further listener, by its name in the log.
    #[track_caller]
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let event = self
            .trace()
            .wait_for("listening", |event| event["listener"] == name);
        event["address"].as_str().unwrap().parse().unwrap()
    }

    /// A new connection to the main listener.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Asks the main listener, on a connection of its own.
    pub(crate) fn exchange(&self, request: &Request) -> Response {
        self.client().exchange(request)
    }

    /// GET of a path of the main listener.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.exchange(&Request::get(path))
    }

    /// GET through the explicit door.
    pub(crate) fn fetch(&self, url: &str) -> Response {
        self.get(&fetch_path(url))
    }

    /// GET of `/fetch?query` with these fields; the query is sent as it is.
    pub(crate) fn fetch_with(&self, query: &str, fields: &[(&str, &str)]) -> Response {
        self.exchange(&Request::get(&format!("/fetch?{query}")).fields(fields))
    }

    /// GET in absolute form: through the forward proxy.
    pub(crate) fn proxy_get(&self, url: &str, fields: &[(&str, &str)]) -> Response {
        self.exchange(&Request::get(url).fields(fields))
    }

    /// Every sample of `/metrics` on the metrics listener, by name and labels as they are written.
    #[track_caller]
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let response = Client::connect(self.metrics_address()).exchange(&Request::get("/metrics"));
        assert_eq!(response.status(), 200);
        let text = response.text();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// One sample; 0 when it is not there.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> f64 {
        self.metrics().get(name).copied().unwrap_or_default()
    }

    /// The JSON of `/api/stats`.
    #[track_caller]
    pub(crate) fn stats(&self) -> Value {
        self.get("/api/stats").json()
    }

    /// The log so far.
    pub(crate) fn trace(&self) -> &Trace {
        &self.process.trace.0
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill9(&mut self) -> ExitStatus {
        self.process.signal(Signal::KILL);
        self.process.wait()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    #[track_caller]
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.wait()
    }

    /// Sends it a signal and does not wait.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Starts it again on the same data and new ports; it is killed first if it still runs.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.process.end();
        let command = self.setup.command(self.directory.path(), &self.data);
        self.process = Process::spawn(command);
    }

    /// The directory in which it runs; it goes with the cache.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Changes the configuration file, for a reload or a restart.
    pub(crate) fn rewrite_config(&mut self, yaml: &str) {
        fs::write(self.directory.path().join("config.yaml"), yaml).unwrap();
        self.setup.config = Some(yaml.to_owned());
    }

    /// From now on a write beyond this many bytes of a file fails.
    pub(crate) fn limit_file_size(&self, bytes: u64) {
        self.process.limit_file_size(bytes);
    }

    /// Resident memory now, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.process.status_kib("VmRSS:") << 10
    }

    /// The most resident memory it ever had, in bytes.
    pub(crate) fn peak_resident_bytes(&self) -> u64 {
        self.process.status_kib("VmHWM:") << 10
    }

    /// CPU time of user and system so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }
}

/// `/fetch` with this URL as its parameter.
pub(crate) fn fetch_path(url: &str) -> String {
    format!("/fetch?url={}", percent_encoded(url))
}
