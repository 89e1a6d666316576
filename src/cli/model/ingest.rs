//! `model ingest`: registers a checkpoint. Digests and sizes are computed here, with a progress bar; the
//! checkpoint itself is sent only where `--upload` says so.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::Hasher;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{
    place::Place,
    upload::{Destination, destination},
};
use crate::cli::{exit::Failure, output::Output, remote::environment};

const STYLE: &str = "{bar:32} {binary_bytes} / {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";

/// Arguments of `model ingest`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Ingest {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    about: About,
    /// Upload the checkpoint first and register where it went: `files` for this cache, or `s3://bucket/key`
    #[arg(long, value_name = "WHERE", requires = "checkpoint_path", conflicts_with = "artifact_uri",
        value_parser = destination)]
    upload: Option<Destination>,
    /// Also send the paths of the files, for servers that allow it
    #[arg(long)]
    include_local_paths: bool,
    /// Write what is sent to this file as well
    #[arg(long, value_name = "FILE")]
    write_metadata: Option<PathBuf>,
    /// Only show what would be sent
    #[arg(long)]
    dry_run: bool,
}

/// What is registered.
#[derive(Args, Debug)]
struct What {
    /// What it is called
    #[arg(long)]
    name: String,
    /// Which version of that name
    #[arg(long)]
    version: String,
    /// Where it starts
    #[arg(long, value_enum, default_value_t)]
    status: Stage,
    /// Where the checkpoint is [default: sha256:<digest of the checkpoint>]
    #[arg(long, value_name = "URI")]
    artifact_uri: Option<String>,
    /// The checkpoint, to compute its digest and size
    #[arg(long, value_name = "FILE")]
    checkpoint_path: Option<PathBuf>,
    /// The configuration, a JSON object
    #[arg(long, value_name = "FILE")]
    config_path: Option<PathBuf>,
}

/// What is said about it.
#[derive(Args, Debug)]
struct About {
    /// The run that made it
    #[arg(long)]
    run_id: Option<String>,
    /// The commit that the run was of
    #[arg(long)]
    git_commit: Option<String>,
    /// Who made it [default: $USER]
    #[arg(long)]
    created_by: Option<String>,
    /// Where it was made [default: this machine's name]
    #[arg(long)]
    source_host: Option<String>,
    /// Step of the training
    #[arg(long, allow_negative_numbers = true)]
    training_step: Option<i64>,
    /// Loss at that step
    #[arg(long, allow_negative_numbers = true)]
    training_loss: Option<f64>,
    /// What it was trained on
    #[arg(long)]
    dataset: Option<String>,
    /// What there is to say about it
    #[arg(long)]
    description: Option<String>,
    /// A label; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Metrics as a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "metrics_path")]
    metrics_json: Option<String>,
    /// File with metrics, a JSON object
    #[arg(long, value_name = "FILE")]
    metrics_path: Option<PathBuf>,
}

/// Where a model starts.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Stage {
    #[default]
    Experimental,
    Staging,
    Production,
    Archived,
}

impl Ingest {
    /// Hashes, registers, and prints the model.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let mut payload = self.payload()?;
        if !self.dry_run
            && let (Some(upload), Some(path)) = (&self.upload, &self.what.checkpoint_path)
        {
            let digest = payload["checkpoint_sha256"].as_str().unwrap_or_default();
            payload["artifact_uri"] = upload.take(&self.place, path, digest).await?.into();
        }
        if let Some(path) = &self.write_metadata {
            let text = format!("{payload:#}\n");
            std::fs::write(path, text).map_err(failed("write", path))?;
        }
        if self.dry_run {
            return out.json(&payload);
        }
        out.json(&client.post_json("/models", &payload).await?)
    }

    fn payload(&self) -> Result<Value, Failure> {
        let mut payload = self.about.payload();
        let what = &self.what;
        payload["name"] = json!(what.name);
        payload["version"] = json!(what.version);
        payload["status"] = json!(format!("{:?}", what.status).to_lowercase());
        if let Some(metrics) = self.about.metrics()? {
            payload["metrics"] = metrics.into();
        }
        if let Some(path) = &what.checkpoint_path {
            self.file(path, "checkpoint", &mut payload)?;
        }
        if let Some(path) = &what.config_path {
            self.file(path, "config", &mut payload)?;
            payload["config_json"] = object_in(path)?.into();
        }
        let given = what.artifact_uri.as_deref().map(str::trim);
        let uri = given.filter(|uri| !uri.is_empty()).map(str::to_owned);
        let by_digest = payload["checkpoint_sha256"]
            .as_str()
            .map(|hex| format!("sha256:{hex}"));
        let message = "--artifact-uri is required unless --checkpoint-path is provided";
        let uri = uri.or(by_digest);
        payload["artifact_uri"] = uri.ok_or_else(|| Failure::Usage(message.into()))?.into();
        Ok(payload)
    }

    /// Digest, size and, where it is wanted, path of a file.
    fn file(&self, path: &Path, word: &str, payload: &mut Value) -> Result<(), Failure> {
        let (digest, size) = measure(path).map_err(failed("read", path))?;
        payload[format!("{word}_sha256")] = digest.into();
        payload[format!("{word}_size_bytes")] = size.into();
        if self.include_local_paths {
            payload[format!("{word}_path")] = path.display().to_string().into();
        }
        Ok(())
    }
}

impl About {
    fn payload(&self) -> Value {
        let user = || environment("USER");
        let host = || {
            let name = rustix::system::uname();
            Some(name.nodename().to_string_lossy().into_owned())
        };
        json!({
            "run_id": self.run_id,
            "git_commit": self.git_commit,
            "created_by": self.created_by.clone().or_else(user),
            "source_host": self.source_host.clone().or_else(host),
            "training_step": self.training_step,
            "training_loss": self.training_loss,
            "dataset": self.dataset,
            "description": self.description,
            "tags": (!self.tags.is_empty()).then_some(&self.tags),
        })
    }

    fn metrics(&self) -> Result<Option<Map<String, Value>>, Failure> {
        if let Some(path) = &self.metrics_path {
            return object_in(path).map(Some);
        }
        let parsed = self.metrics_json.as_deref().map(serde_json::from_str);
        let message = |_| Failure::Usage("--metrics-json must be a JSON object".into());
        parsed.transpose().map_err(message)
    }
}

/// Digest and size of a file; a bar shows how far it is where standard error is a terminal.
fn measure(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let bar = ProgressBar::new(file.metadata()?.len());
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style);
    }
    let (mut hasher, mut piece, mut size) = (Hasher::default(), vec![0; 1 << 20], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            bar.finish_and_clear();
            return Ok((hasher.finish().to_string(), size));
        }
        hasher.update(&piece[..read]);
        size += read as u64;
        bar.set_position(size);
    }
}

/// The JSON object in a file.
fn object_in(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&text)
        .map_err(|_| Failure::Usage(format!("{} must contain a JSON object", path.display())))
}

pub(super) fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| Failure::File {
        action,
        path,
        source,
    }
}
