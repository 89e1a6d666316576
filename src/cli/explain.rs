//! `explain`: what a cache makes of a URL, and what a request for it would do now.

use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use super::{exit::Failure, fetch::target_uri, output::Output, remote::Remote};

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// URL of the artifact
    #[arg(value_name = "URL")]
    artifact: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Explain {
    /// Prints the explanation.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let uri = target_uri(&self.artifact)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("url", uri.as_str()).finish();
        let path = format!("/api/v1/explain?{query}");
        let (_, explanation) = self.remote.client()?.json(&path).await?;
        if self.remote.json {
            return out.json(&explanation);
        }
        pairs("", &explanation, out)?;
        for stored in explanation["stored"].as_array().into_iter().flatten() {
            pairs("stored ", stored, out)?;
        }
        Ok(())
    }
}

fn pairs(prefix: &str, record: &Value, out: &mut Output) -> Result<(), Failure> {
    for (name, value) in record.as_object().into_iter().flatten() {
        let name = format!("{prefix}{}", name.replace('_', " "));
        match value {
            Value::Null => {}
            Value::Array(items) if items.iter().any(Value::is_object) => {}
            Value::Array(items) if items.is_empty() => {}
            Value::String(text) => out.pair(&name, text)?,
            other => out.pair(&name, &other.to_string())?,
        }
    }
    Ok(())
}
