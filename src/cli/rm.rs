//! `rm`: removes one artifact. It asks on a terminal and wants `--yes` everywhere else.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{
    client::{Client, accepted},
    exit::Failure,
    output::{Output, printable},
    remote::Remote,
    show::find,
};

/// Arguments of `rm`.
#[derive(Args, Debug)]
pub(super) struct Rm {
    /// Number or URL of the artifact
    #[arg(value_name = "ID|URL")]
    artifact: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Rm {
    /// Removes the artifact.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let record = find(&client, &self.artifact).await?;
        let name = format!(
            "{} {}",
            record["id"],
            printable(record["source_url"].as_str().unwrap_or_default())
        );
        if !self.dry_run {
            confirm(self.yes, &name)?;
            remove(&client, &record["id"]).await?;
        }
        if self.remote.json {
            let source_url = &record["source_url"];
            return out.json(
                &json!({"id": record["id"], "source_url": source_url, "removed": !self.dry_run}),
            );
        }
        let done = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        out.line(&format!("{done} {name}"))
    }
}

/// Asks on a terminal whether `name` is to be removed, unless that was said.
pub(super) fn confirm(is_said: bool, name: &str) -> Result<(), Failure> {
    if is_said {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message = "nobody to ask on this input: pass --yes to remove, --dry-run to look";
        return Err(Failure::Usage(message.into()));
    }
    let mut answer = String::new();
    write!(io::stderr(), "remove {name}? [y/N] ").map_err(Failure::Output)?;
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::Output)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}

async fn remove(client: &Client, id: &Value) -> Result<(), Failure> {
    let target = format!("/api/v1/artifacts/{id}");
    let answer = client
        .send(Method::DELETE, &target, HeaderMap::new())
        .await?;
    accepted(answer).await.map(drop)
}
