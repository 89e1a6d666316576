//! `stats`: the sums over a cache.

use clap::Args;
use serde_json::Value;

use super::{
    exit::Failure,
    output::{Output, size},
    remote::Remote,
};

/// Arguments of `stats`.
#[derive(Args, Debug)]
pub(super) struct Stats {
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Stats {
    /// Prints the sums.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let (_, stats) = self.remote.client()?.json("/api/v1/stats").await?;
        if self.remote.json {
            return out.json(&stats);
        }
        let number = |name: &str| stats[name].as_u64().unwrap_or_default();
        out.pair("artifacts", &number("total_items").to_string())?;
        out.pair("hits", &number("total_accesses").to_string())?;
        out.pair("on disk", &bytes(&stats["total_size_bytes"]))?;
        out.pair("logical size", &bytes(&stats["logical_size_bytes"]))?;
        out.pair("saved", &bytes(&stats["saved_bytes"]))
    }
}

fn bytes(value: &Value) -> String {
    value.as_u64().map(size).unwrap_or_default()
}
