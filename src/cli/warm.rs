//! `warm`: brings what a list or a lock file names into a running cache. `refresh`: has it ask origins
//! whether what is stored has changed.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    exit::Failure,
    fetch::target_uri,
    job::{Waiting, judge},
    output::Output,
    remote::Remote,
};

/// Arguments of `warm`.
#[derive(Args, Debug)]
pub(super) struct Warm {
    /// The list or lock file; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// In which form it is
    #[arg(long, value_enum, default_value = "auto")]
    format: Format,
    /// What the names in sums are relative to
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Index or registry of packages [default: the mirror named pypi, crates or go]
    #[arg(long, value_name = "URL")]
    index: Option<String>,
    /// Downloads at the same time
    #[arg(long, value_name = "N")]
    parallel: Option<usize>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// The forms of lists.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// By its looks
    Auto,
    /// A URL per line, and its SHA-256 if it has one
    Urls,
    /// YAML or JSON: URLs, or objects with url and sha256
    List,
    /// requirements.txt with hashes
    Requirements,
    /// package-lock.json
    PackageLock,
    /// Cargo.lock
    CargoLock,
    /// go.sum
    GoSum,
    /// What sha256sum prints
    Sha256sums,
}

/// Arguments of `refresh`.
#[derive(Args, Debug)]
#[group(id = "refreshed", required = true, multiple = true)]
pub(super) struct Refresh {
    /// URLs, stored or not
    #[arg(value_name = "URL", conflicts_with_all = ["prefix", "host"], group = "refreshed")]
    urls: Vec<String>,
    /// What is stored of URLs that start with this
    #[arg(long, value_name = "URL", group = "refreshed")]
    prefix: Option<String>,
    /// What is stored of this host
    #[arg(long, group = "refreshed")]
    host: Option<String>,
    /// Requests at the same time
    #[arg(long, value_name = "N")]
    parallel: Option<usize>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Warm {
    /// Warms.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let text = read(&self.file)?;
        let format = self.format.to_possible_value();
        let wanted = json!({
            "text": text,
            "name": name(&self.file),
            "format": format.as_ref().map(clap::builder::PossibleValue::get_name),
            "base_url": self.base_url,
            "index": self.index,
            "parallel": self.parallel,
        });
        start(("/api/v1/warm", &wanted), &self.waiting, &self.remote, out).await
    }
}

impl Refresh {
    /// Refreshes.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let mut wanted = json!({"parallel": self.parallel});
        if !self.urls.is_empty() {
            let uris = self.urls.iter().map(|url| Ok(target_uri(url)?.to_string()));
            wanted["urls"] = uris.collect::<Result<Vec<_>, Failure>>()?.into();
        }
        for (name, value) in [("prefix", &self.prefix), ("host", &self.host)] {
            if let Some(value) = value {
                wanted[name] = value.as_str().into();
            }
        }
        start(
            ("/api/v1/refresh", &wanted),
            &self.waiting,
            &self.remote,
            out,
        )
        .await
    }
}

/// Starts a job and waits for it.
async fn start(
    (route, wanted): (&str, &Value),
    waiting: &Waiting,
    remote: &Remote,
    out: &mut Output,
) -> Result<(), Failure> {
    let client = remote.client()?;
    let job = client.post_json(route, wanted).await?;
    let job = waiting.end((&client, remote.json), job, out).await?;
    judge(&job)
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|source| Failure::File {
        action: "read",
        path: file.to_owned(),
        source,
    })?;
    Ok(text)
}

fn name(file: &Path) -> String {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| name != "-")
        .unwrap_or_else(|| "standard input".into())
}
