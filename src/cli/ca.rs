//! `ca`: the certificate authority whose certificates clients of intercepted tunnels are shown.

use std::path::PathBuf;

use artifact_cache_layers::body::BoxError;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{
    exit::Failure,
    local::authority::{self, Shown},
    output::Output,
    settings::{Place, Settings},
};

/// The verbs of `ca`.
#[derive(Debug, Subcommand)]
pub(super) enum Ca {
    /// Make a certificate authority, bound to hosts
    Init(Init),
    /// Show the authority: fingerprint, dates, hosts
    Show(Show),
    /// Print the certificate that clients must trust
    Export(Export),
    /// Make a new key and certificate; clients that trust the exported bundle trust both
    Rotate(Rotate),
}

/// Arguments of `ca init`.
#[derive(Args, Debug)]
pub(super) struct Init {
    #[command(flatten)]
    place: Place,
    /// Host it may vouch for, with all below it: `example.com`, an address or a CIDR range; may be
    /// repeated. Without any it may vouch for every host
    #[arg(long, value_name = "PATTERN")]
    host: Vec<String>,
    /// Name that trust stores show
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "artifact-cache local authority"
    )]
    name: String,
    /// Days that it is good for
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
}

/// Arguments of `ca show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `ca export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    /// File to write instead of printing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// `bundle` has this machine's own trusted certificates as well, for tools that read one file only
    #[arg(long, value_enum, default_value_t = Form::Pem)]
    form: Form,
}

/// Arguments of `ca rotate`.
#[derive(Args, Debug)]
pub(super) struct Rotate {
    #[command(flatten)]
    place: Place,
    /// Days that the new one is good for
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// The authority's certificate
    Pem,
    /// The same behind the certificates that this machine trusts
    Bundle,
}

impl Ca {
    /// Whether JSON is asked for.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self, Self::Show(Show { json: true, .. }))
    }

    /// Runs the verb; `before` are the settings that stood before it.
    pub(super) fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let done = match self {
            Self::Init(init) => {
                let wanted = (init.name, init.host, init.days);
                authority::init(before.overridden_by(init.place.into()), wanted).map(say)
            }
            Self::Rotate(rotate) => {
                authority::rotate(before.overridden_by(rotate.place.into()), rotate.days).map(say)
            }
            Self::Show(show) => {
                authority::show(before.overridden_by(show.place.into())).map(|shown| {
                    if show.json {
                        object(&shown)
                    } else {
                        say(shown)
                    }
                })
            }
            Self::Export(export) => export.text(before),
        };
        out.line(done.map_err(Failure::Local)?.trim_end())
    }
}

impl Export {
    fn text(self, before: Settings) -> Result<String, BoxError> {
        let settings = before.overridden_by(self.place.into());
        let pem = authority::export(settings, self.form == Form::Bundle)?;
        match self.out {
            None => Ok(pem),
            Some(path) => {
                std::fs::write(&path, pem)
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
                Ok(format!("{} written", path.display()))
            }
        }
    }
}

fn say(shown: Shown) -> String {
    let hosts = if shown.hosts.is_empty() {
        "every host".to_owned()
    } else {
        shown.hosts.join(", ")
    };
    [
        ("name", shown.name),
        ("sha256", shown.sha256),
        ("valid from", shown.not_before),
        ("valid until", shown.not_after),
        ("hosts", hosts),
        ("certificate", shown.certificate),
        ("key", shown.key),
    ]
    .map(|(name, value)| format!("{name:12} {value}\n"))
    .concat()
}

fn object(shown: &Shown) -> String {
    json!({
        "name": shown.name,
        "sha256": shown.sha256,
        "not_before": shown.not_before,
        "not_after": shown.not_after,
        "hosts": shown.hosts,
        "certificate": shown.certificate,
        "key": shown.key,
    })
    .to_string()
}
