//! `files expire`: what retention makes of the uploaded files now.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{
    exit::Failure,
    output::{Output, printable, size},
    remote::Remote,
    rm::confirm,
};

/// Arguments of `files expire`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Expire {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Expire {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let target = "/api/v1/files:expire";
        let mut answer = client.post_json(target, &json!({"dry_run": true})).await?;
        if !self.dry_run && answer["count"].as_u64() > Some(0) {
            confirm(self.yes, &format!("{} files", answer["count"]))?;
            answer = client.post_json(target, &json!({"dry_run": false})).await?;
        }
        if self.remote.json {
            return out.json(&answer);
        }
        for item in answer["items"].as_array().into_iter().flatten() {
            out.line(&printable(&line(item)))?;
        }
        let done = match answer["dry_run"].as_bool() {
            Some(false) => "removed",
            _ => "would remove",
        };
        let bytes = answer["size_bytes"].as_u64().unwrap_or_default();
        out.line(&format!(
            "{done} {} files, {}",
            answer["count"],
            size(bytes)
        ))
    }
}

fn line(item: &Value) -> String {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    format!("{}  {}", text("file_id"), text("expires_at"))
}
