//! `show`: everything known of one artifact, named by its number or its URL.

use artifact_cache_layers::semantics::target_uri::TargetUri;
use clap::Args;
use serde_json::Value;

use super::{
    client::Client,
    exit::Failure,
    fetch::target_uri,
    ls::Pages,
    output::{Output, size},
    remote::Remote,
};

/// Arguments of `show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// Number or URL of the artifact
    #[arg(value_name = "ID|URL")]
    artifact: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Show {
    /// Prints the record.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let record = find(&client, &self.artifact).await?;
        if self.remote.json {
            return out.json(&record);
        }
        tell(&record, out)
    }
}

/// The record of the artifact with this number or this URL.
pub(super) async fn find(client: &Client, name: &str) -> Result<Value, Failure> {
    if let Ok(id) = name.parse::<u64>() {
        let (_, record) = client.json(&format!("/api/v1/artifacts/{id}")).await?;
        return Ok(record);
    }
    let uri = target_uri(name)?;
    by_url(client, &uri).await
}

async fn by_url(client: &Client, uri: &TargetUri) -> Result<Value, Failure> {
    let mut pages = Pages::new(vec![("prefix", uri.as_str().to_owned())]);
    while let Some(items) = pages.next(client, 200).await? {
        let mut exact = items
            .into_iter()
            .filter(|it| it["source_url"] == uri.as_str());
        if let Some(record) = exact.next() {
            return Ok(record);
        }
    }
    Err(Failure::Missing(format!("{uri} is not cached")))
}

fn tell(record: &Value, out: &mut Output) -> Result<(), Failure> {
    let Value::Object(fields) = record else {
        return Ok(());
    };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "versions") {
        match value {
            Value::Null => {}
            Value::Array(list) if list.is_empty() => {}
            Value::String(text) => out.pair(name, text)?,
            other => out.pair(name, &other.to_string())?,
        }
    }
    for version in record["versions"].as_array().into_iter().flatten() {
        let size = version["size_bytes"].as_u64().map(size).unwrap_or_default();
        let text = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
        let line = format!(
            "{}  {size}  {} .. {}",
            text("sha256"),
            text("first_seen"),
            text("last_seen")
        );
        out.pair("version", &line)?;
        let sources = version["sources"].as_array().into_iter().flatten();
        let others = sources.filter(|url| **url != record["source_url"]);
        others
            .map(|url| url.as_str().unwrap_or_default())
            .try_for_each(|url| out.pair("  also at", url))?;
    }
    Ok(())
}
