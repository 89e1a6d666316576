//! `purge`: removes what is stored of URLs, or marks it stale. `gc`: removes what nobody refers to and
//! frees bytes. Both ask on a terminal and want `--yes` everywhere else.

use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::Failure,
    fetch::target_uri,
    output::{Output, size},
    remote::Remote,
    rm::confirm,
};

/// Arguments of `purge`.
#[derive(Args, Debug)]
#[group(id = "selection", required = true, multiple = true)]
pub(super) struct Purge {
    /// URLs of artifacts
    #[arg(value_name = "URL", conflicts_with_all = ["prefix", "host", "sha256", "tag"], group = "selection")]
    urls: Vec<String>,
    /// All URLs that start with this
    #[arg(long, value_name = "URL", group = "selection")]
    prefix: Option<String>,
    /// All URLs of this host
    #[arg(long, group = "selection")]
    host: Option<String>,
    /// All URLs that have or had this digest
    #[arg(long, value_name = "DIGEST", group = "selection")]
    sha256: Option<String>,
    /// All URLs with this tag
    #[arg(long, value_name = "NAME", group = "selection")]
    tag: Option<String>,
    /// Keep the bytes; the proxy and the mirrors ask the origin before the next use
    #[arg(long)]
    soft: bool,
    /// Only count what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `gc`.
#[derive(Args, Debug)]
pub(super) struct Gc {
    /// Evict until so many bytes are free, what is used least first
    #[arg(long, value_name = "N", default_value_t = 0)]
    bytes: u64,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Purge {
    /// Purges.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let mut wanted = self.wanted()?;
        if !self.dry_run && !self.soft && !self.yes {
            wanted["dry_run"] = true.into();
            let counted = client.post_json("/api/v1/purge", &wanted).await?;
            confirm(false, &format!("{} artifacts", counted["matched"]))?;
            wanted["dry_run"] = false.into();
        }
        let purged = client.post_json("/api/v1/purge", &wanted).await?;
        if self.remote.json {
            return out.json(&purged);
        }
        for name in ["matched", "removed", "marked_stale", "kept"] {
            out.pair(&name.replace('_', " "), &purged[name].to_string())?;
        }
        out.pair("size", &bytes(&purged["size_bytes"]))
    }

    fn wanted(&self) -> Result<Value, Failure> {
        let mut wanted = json!({"soft": self.soft, "dry_run": self.dry_run});
        if !self.urls.is_empty() {
            let uris = self.urls.iter().map(|url| Ok(target_uri(url)?.to_string()));
            wanted["urls"] = uris.collect::<Result<Vec<_>, Failure>>()?.into();
        }
        let given = [
            ("prefix", &self.prefix),
            ("host", &self.host),
            ("sha256", &self.sha256),
            ("tag", &self.tag),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                wanted[name] = value.as_str().into();
            }
        }
        Ok(wanted)
    }
}

impl Gc {
    /// Collects.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        if !self.dry_run && self.bytes > 0 {
            confirm(self.yes, &format!("artifacts of {}", size(self.bytes)))?;
        }
        let wanted = json!({"bytes": self.bytes, "dry_run": self.dry_run});
        let done = self
            .remote
            .client()?
            .post_json("/api/v1/gc", &wanted)
            .await?;
        if self.remote.json {
            return out.json(&done);
        }
        let would = if self.dry_run { "would " } else { "" };
        let (unreferenced, evicted) = (&done["unreferenced"], &done["evicted"]);
        out.pair(
            &format!("{would}unlink"),
            &unreferenced["blobs"].to_string(),
        )?;
        let evicting = format!("{} blobs, {}", evicted["blobs"], bytes(&evicted["bytes"]));
        out.pair(&format!("{would}evict"), &evicting)?;
        for item in done["items"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let size = bytes(&item["allocated_bytes"]);
            let line = format!(
                "{size:>10}  {}  {}",
                text(&item["sha256"]),
                text(&item["urls"][0])
            );
            out.pair(&text(&item["queue"]), &line)?;
        }
        Ok(())
    }
}

fn bytes(value: &Value) -> String {
    value.as_u64().map(size).unwrap_or_default()
}
