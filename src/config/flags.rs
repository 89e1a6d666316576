//! Settings that have an option of their own on the command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;

use super::{layer::Layer, logging, origin::Origin, storage::Storage};

/// The option whose values are added to those of weaker sources.
pub(super) const ALLOW_CIDR: &str = "--allow-cidr";

/// The options as they were given; what is absent sets nothing.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--metrics-listen`; switches the metrics listener on.
    pub metrics_listen: Option<SocketAddr>,
    /// `--tls-self-signed`: TLS on the main listener with a certificate made on the spot.
    pub tls_self_signed: bool,
    /// `--data`: the directory of `cache`, `catalog` and `tmp`.
    pub data: Option<PathBuf>,
    /// `--allow-cidr`: in addition to what weaker sources allow.
    pub allow_cidr: Vec<IpNet>,
    /// `--log-format`
    pub log_format: Option<logging::Format>,
    /// `--log-level`
    pub log_level: Option<String>,
}

impl Flags {
    /// One layer for each option that was given.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let listen = self
            .listen
            .map(|address| listener("--listen", "server", address));
        let metrics = self.metrics_listen.map(|address| {
            listener("--metrics-listen", "metrics", address).with("metrics.enabled", true)
        });
        let tls = self.tls_self_signed.then(|| {
            Layer::of(Origin::Flag("--tls-self-signed"), "server.tls", true)
                .with("tls.self_signed", true)
        });
        let data = self.data.as_deref().map(data_directory);
        let ranges: Vec<String> = self.allow_cidr.iter().map(IpNet::to_string).collect();
        let allow = (!ranges.is_empty())
            .then(|| Layer::of(Origin::Flag(ALLOW_CIDR), "egress.allow_cidrs", ranges));
        let format = self.log_format.map(|format| {
            Layer::of(
                Origin::Flag("--log-format"),
                "logging.format",
                format.word(),
            )
        });
        let level = self
            .log_level
            .as_deref()
            .map(|level| Layer::of(Origin::Flag("--log-level"), "logging.level", level));
        [listen, metrics, tls, data, allow, format, level]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn listener(option: &'static str, section: &str, address: SocketAddr) -> Layer {
    Layer::of(
        Origin::Flag(option),
        &format!("{section}.host"),
        address.ip().to_string(),
    )
    .with(&format!("{section}.port"), address.port())
}

fn data_directory(data: &Path) -> Layer {
    let storage = Storage::under(data.to_owned());
    Layer::of(
        Origin::Flag("--data"),
        "storage.base_path",
        text(&storage.base_path),
    )
    .with("storage.database", text(&storage.database))
    .with("storage.temporary_path", text(&storage.temporary_path))
}

/// A path as a value; bytes that are no Unicode are replaced.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
