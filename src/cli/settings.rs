//! The settings that the command line gives the server: the last and strongest source of the
//! configuration.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

/// What the flags of `serve` say; `None` and empty leave the other sources as they are.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address of the metrics listener [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// TLS on the main listener with a certificate made on the spot, for a first try
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Directory of blobs, catalog and temporary files [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Special-purpose addresses that origins may have, such as 10.0.0.0/8; may be repeated
    #[arg(long, value_name = "CIDR")]
    pub allow_cidr: Vec<IpNet>,
    /// Form of the log
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Least severe level that is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// Which data directory a verb works on.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of blobs, catalog and temporary files [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Settings {
    /// Both settings together; where both name one, `later` wins. Ranges add up.
    #[must_use]
    pub fn overridden_by(mut self, later: Self) -> Self {
        self.allow_cidr.extend(later.allow_cidr);
        Self {
            config: later.config.or(self.config),
            listen: later.listen.or(self.listen),
            metrics_listen: later.metrics_listen.or(self.metrics_listen),
            tls_self_signed: later.tls_self_signed || self.tls_self_signed,
            data: later.data.or(self.data),
            allow_cidr: self.allow_cidr,
            log_format: later.log_format.or(self.log_format),
            log_level: later.log_level.or(self.log_level),
        }
    }
}

impl From<Place> for Settings {
    fn from(place: Place) -> Self {
        Self {
            config: place.config,
            data: place.data,
            ..Self::default()
        }
    }
}

impl From<LogFormat> for crate::config::logging::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text => Self::Text,
        }
    }
}
