//! An https origin, an authority, and a cache that ends tunnels by it.

use std::{fs, path::PathBuf, process::Output, sync::Arc};

use rustls::ClientConfig;
use tempfile::TempDir;

use crate::support::{
    cache::{Cache, Setup, program},
    client::{Client, Request, Response},
    origin::{Authority, Content, Origin, Reply},
};
pub(super) use crate::tls::support::{Http2, offering, trusting};

/// Everything that interception takes.
pub(crate) struct Kit {
    pub(crate) origin: Origin,
    directory: TempDir,
}

impl Kit {
    /// With an authority that is bound to these hosts.
    pub(crate) fn new(hosts: &[&str]) -> Self {
        Self::of(Origin::start_tls(), hosts)
    }

    pub(crate) fn of(origin: Origin, hosts: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let kit = Self { origin, directory };
        let mut arguments = vec!["init"];
        arguments.extend(hosts.iter().flat_map(|host| ["--host", host]));
        let output = kit.ca(&arguments);
        assert!(output.status.success(), "{output:?}");
        kit
    }

    /// Runs a verb of `ca` on the data directory.
    pub(crate) fn ca(&self, arguments: &[&str]) -> Output {
        let mut program = program();
        program
            .arg("ca")
            .args(arguments)
            .arg("--data")
            .arg(self.data());
        program.output().unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The certificate that clients must trust.
    pub(crate) fn pem(&self) -> String {
        fs::read_to_string(self.data().join("ca/ca.pem")).unwrap()
    }

    /// A client that trusts the cache's authority and nobody else, offering these protocols.
    pub(crate) fn trusting(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        offering(&trusting(&self.pem()), protocols)
    }

    /// A cache that intercepts, with more settings in YAML.
    pub(crate) fn setup(&self, more: &str) -> Setup {
        let yaml = self.yaml(more);
        let ports = "[443, 80, 1024-65535]";
        let setup = Cache::setup().data(&self.data()).config(&yaml);
        setup.environment("ARTIFACT_CACHE__PROXY__CONNECT_PORTS", ports)
    }

    /// The settings of such a cache.
    pub(crate) fn yaml(&self, more: &str) -> String {
        let extra_ca = self.directory.path().join("origin.pem");
        fs::write(&extra_ca, self.origin.authority().pem()).unwrap();
        format!(
            "intercept: {{enabled: true}}\nupstream: {{extra_ca: '{}', max_retries: 0}}\n{more}",
            extra_ca.display()
        )
    }

    pub(crate) fn start(&self) -> Cache {
        self.setup("").start()
    }

    /// The authority of the origin, as a CONNECT names it.
    pub(crate) fn place(&self) -> String {
        format!("localhost:{}", self.origin.address().port())
    }

    /// A client inside a tunnel to the origin, which trusts the cache's authority only.
    pub(crate) fn client(&self, cache: &Cache) -> Client {
        let mut client = cache.client();
        let response = client.connect_tunnel(&self.place());
        assert_eq!(response.status(), 200, "{:?}", response.head);
        client.into_tls(self.trusting(&["http/1.1"]), "localhost")
    }

    /// GET of a path inside a tunnel of its own.
    pub(crate) fn get(&self, cache: &Cache, path: &str) -> Response {
        self.client(cache).exchange(&self.request(path))
    }

    /// GET of a path with the origin's `Host`.
    pub(crate) fn request(&self, path: &str) -> Request {
        Request::get(path)
            .without("Host")
            .field("Host", &self.place())
    }

    /// An immutable artifact at this path.
    pub(crate) fn publish(&self, path: &str, length: u64) -> Content {
        let content = Content::seeded(length, length);
        let reply = Reply::file(content.clone(), "\"1\"").field("Cache-Control", "max-age=3600");
        self.origin.route(path, reply);
        content
    }
}

/// How often tunnels that ended here had this outcome.
pub(super) fn outcomes(cache: &Cache, outcome: &str) -> f64 {
    cache.metric(&format!(
        "artifact_cache_intercepted_total{{outcome=\"{outcome}\"}}"
    ))
}

/// Whether a client that trusts the origin only is served: its tunnel passed.
pub(super) fn passes(kit: &Kit, cache: &Cache) -> bool {
    let mut client = cache.client();
    assert_eq!(client.connect_tunnel(&kit.place()).status(), 200);
    let mut client = client.into_tls(kit.origin.authority().client(), "localhost");
    client.exchange(&kit.request("/a")).status() == 200
}

/// An authority that nobody knows.
pub(super) fn stranger() -> Arc<ClientConfig> {
    Authority::new().client()
}
