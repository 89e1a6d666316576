//! `misses`: what was asked for while no origin might be asked, to be fetched where one may be.

use clap::Args;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{
    client::{Client, accepted},
    exit::Failure,
    output::{Output, printable},
    remote::Remote,
    rm::confirm,
};

/// Arguments of `misses`.
#[derive(Args, Debug)]
pub(super) struct Misses {
    /// Print nothing but the URLs that can be fetched, one a line, each with the digest that was wanted
    #[arg(long, conflicts_with = "json")]
    urls: bool,
    /// Forget the list
    #[arg(long, conflicts_with = "urls")]
    clear: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Misses {
    /// Prints the list, or clears it.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        if self.clear {
            return self.forget(&client, out).await;
        }
        let (mode, items) = read(&client).await?;
        if self.remote.json {
            return out.json(&json!({"mode": mode, "items": items}));
        }
        if self.urls {
            let mut lines = items.iter().filter_map(manifest_line);
            return lines.try_for_each(|line| out.line(&line));
        }
        out.line(&row("COUNT", "LAST ASKED FOR", "METHOD", "URL"))?;
        items.iter().try_for_each(|item| out.line(&line(item)))
    }

    async fn forget(&self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        confirm(self.yes, "the list of misses")?;
        let fields = HeaderMap::new();
        let answer = client
            .send(Method::DELETE, "/api/v1/misses", fields)
            .await?;
        accepted(answer).await?;
        if self.remote.json {
            return out.json(&json!({"cleared": true}));
        }
        out.line("cleared")
    }
}

/// The mode, and the whole list.
async fn read(client: &Client) -> Result<(Value, Vec<Value>), Failure> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/misses?limit=200{cursor}");
        let (_, mut page) = client.json(&path).await?;
        if let Value::Array(found) = page["items"].take() {
            items.extend(found);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((page["mode"].take(), items)),
        }
    }
}

/// What a manifest of `warm` says of it; nothing of what cannot be fetched that way.
fn manifest_line(item: &Value) -> Option<String> {
    let url = item["url"].as_str().filter(|_| item["method"] == "GET")?;
    Some(match item["sha256"].as_str() {
        Some(digest) => format!("{} sha256:{digest}", printable(url)),
        None => printable(url),
    })
}

fn line(item: &Value) -> String {
    let text = |name: &str| printable(item[name].as_str().unwrap_or_default());
    let (count, url) = (item["count"].to_string(), text("url"));
    row(&count, &text("last_at"), &text("method"), &url)
}

fn row(count: &str, last: &str, method: &str, url: &str) -> String {
    format!("{count:>8}  {last:<24}  {method:<7}  {url}")
}
