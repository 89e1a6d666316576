//! `model bench`: looks whether checkpoint and configuration of a model can be read, and writes that as
//! metrics of a suite.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::place::{Place, encoded, read};
use crate::cli::{client::Client, exit::Failure, output::Output};

/// Arguments of `model bench`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Bench {
    #[command(flatten)]
    place: Place,
    /// Name of the model
    #[arg(long, requires = "version", conflicts_with = "model_id")]
    name: Option<String>,
    /// Version of that name
    #[arg(long, requires = "name", conflicts_with = "model_id")]
    version: Option<String>,
    /// Number of the model
    #[arg(long, required_unless_present = "name")]
    model_id: Option<u64>,
    /// The suite
    #[arg(long, value_enum)]
    suite: Suite,
    /// What it is evaluated on
    #[arg(long)]
    dataset: Option<String>,
    /// The commit of the evaluator
    #[arg(long)]
    eval_commit: Option<String>,
    /// What there is to say about it
    #[arg(long)]
    notes: Option<String>,
    /// The checkpoint on this machine
    #[arg(long, value_name = "FILE")]
    checkpoint_path: Option<PathBuf>,
    /// The configuration on this machine
    #[arg(long, value_name = "FILE")]
    config_path: Option<PathBuf>,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

/// A suite that can be run here.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    #[value(name = "smoke-v1")]
    Smoke,
    #[value(name = "core-v1")]
    Core,
}

impl Suite {
    const fn word(self) -> &'static str {
        match self {
            Self::Smoke => "smoke-v1",
            Self::Core => "core-v1",
        }
    }
}

impl Bench {
    /// Measures, writes, and prints the model.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let model = self.model(&client).await?;
        let payload = self.payload(&model);
        if self.dry_run {
            return out.json(&json!({"model_id": model["id"], "payload": payload}));
        }
        let path = format!("/models/{}/metrics", model["id"]);
        out.json(&client.post_json(&path, &payload).await?)
    }

    async fn model(&self, client: &Client) -> Result<Value, Failure> {
        let path = match (self.model_id, &self.name, &self.version) {
            (Some(id), ..) => format!("/models/{id}"),
            (None, Some(name), Some(version)) => {
                format!("/models/by-name/{}/{}", encoded(name), encoded(version))
            }
            _ => {
                let message = "Pass --model-id or both --name and --version";
                return Err(Failure::Usage(message.into()));
            }
        };
        read(client, &path).await
    }

    fn payload(&self, model: &Value) -> Value {
        let suite = self.suite.word();
        let mut payload = json!({
            "suite": suite,
            "metrics": self.metrics(model),
            "eval_config": {
                "runner": "bench",
                "suite": suite,
                "uses_local_paths": {
                    "checkpoint": self.checkpoint_path.is_some(),
                    "config": self.config_path.is_some(),
                },
            },
        });
        for (name, text) in [
            ("dataset", &self.dataset),
            ("eval_commit", &self.eval_commit),
            ("notes", &self.notes),
        ] {
            if let Some(text) = text {
                payload[name] = text.as_str().into();
            }
        }
        payload
    }

    fn metrics(&self, model: &Value) -> Value {
        let path = |given: &Option<PathBuf>, key: &str| {
            let known = || model[key].as_str().map(PathBuf::from);
            given.clone().or_else(known)
        };
        let checkpoint = path(&self.checkpoint_path, "local_checkpoint_path");
        let size = checkpoint.and_then(|path| Some(path.metadata().ok()?.len()));
        let config = path(&self.config_path, "local_config_path");
        let is_parsed = config.is_some_and(|path| is_json(&path));
        let known = model["checkpoint_size_bytes"].clone();
        json!({
            "artifact_accessible": size.is_some(),
            "checkpoint_size_bytes": size.map_or(known, Value::from),
            "config_parse_ok": is_parsed,
            "score": if is_parsed { 1.0 } else { 0.0 },
        })
    }
}

fn is_json(path: &Path) -> bool {
    let text = std::fs::read(path).ok();
    text.is_some_and(|text| serde_json::from_slice::<Value>(&text).is_ok())
}
