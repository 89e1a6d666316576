//! `why`: why something is stored, or is not: who keeps it, when it would be evicted, what was evicted.
//! `evictions`: the log of all of them.

use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    exit::Failure,
    fetch::{digest, target_uri},
    output::{Output, printable, size},
    remote::Remote,
};

/// Arguments of `why`.
#[derive(Args, Debug)]
pub(super) struct Why {
    /// Digest or URL
    #[arg(value_name = "DIGEST|URL")]
    subject: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `evictions`.
#[derive(Args, Debug)]
pub(super) struct Evictions {
    /// Show no more than this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// The field of a request that names a digest or a URL.
pub(super) fn subject(text: &str) -> Result<(&'static str, String), Failure> {
    match digest(text) {
        Ok(digest) => Ok(("sha256", digest.to_string())),
        Err(_) => Ok(("url", target_uri(text)?.to_string())),
    }
}

/// The same as a query.
pub(super) fn query(text: &str) -> Result<String, Failure> {
    let (name, value) = subject(text)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    Ok(query.append_pair(name, &value).finish())
}

impl Why {
    /// Prints the answer.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let path = format!("/api/v1/why?{}", query(&self.subject)?);
        let (_, answer) = self.remote.client()?.json(&path).await?;
        if self.remote.json {
            return out.json(&answer);
        }
        match answer["versions"].as_array() {
            Some(versions) => {
                out.pair("url", text(&answer, "url"))?;
                versions.iter().try_for_each(|version| tell(version, out))?;
            }
            None => tell(&answer, out)?,
        }
        if answer["stored"] == false {
            out.pair("stored", "no")?;
        }
        if let Some(reason) = answer["not_stored"].as_str() {
            out.pair("not stored", reason)?;
        }
        for eviction in answer["evictions"].as_array().into_iter().flatten() {
            out.pair("evicted", &line(eviction))?;
        }
        Ok(())
    }
}

impl Evictions {
    /// Prints the log, the latest first.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let (mut left, mut cursor) = (self.limit, String::new());
        let mut items = Vec::new();
        while left > 0 {
            let path = format!("/api/v1/evictions?limit={}{cursor}", left.min(200));
            let (_, mut page) = client.json(&path).await?;
            if let Value::Array(found) = page["items"].take() {
                left -= left.min(found.len() as u64);
                items.extend(found);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        if self.remote.json {
            return out.json(&items);
        }
        items.iter().try_for_each(|item| out.line(&line(item)))
    }
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

fn bytes(record: &Value, name: &str) -> String {
    record[name].as_u64().map(size).unwrap_or_default()
}

/// One blob.
fn tell(blob: &Value, out: &mut Output) -> Result<(), Failure> {
    out.pair("sha256", text(blob, "sha256"))?;
    if blob["stored"] == true {
        let stored = format!(
            "{}, {} on disk",
            text(blob, "stored_at"),
            bytes(blob, "allocated_bytes")
        );
        out.pair("stored", &stored)?;
    }
    if blob["quarantined"] == true {
        out.pair("quarantined", "a damaged file of it lies aside")?;
    }
    for keeper in blob["kept_by"].as_array().into_iter().flatten() {
        let detail = text(keeper, "pointer");
        out.pair(
            "kept by",
            format!("{} {detail}", text(keeper, "reason")).trim_end(),
        )?;
    }
    let eviction = &blob["eviction"];
    if eviction.is_object() {
        let more = if eviction["ahead_is_more"] == true {
            "over "
        } else {
            ""
        };
        let standing = format!(
            "{} queue, behind {more}{} others with {}; {} uses since it was put there",
            text(eviction, "queue"),
            eviction["ahead"],
            bytes(eviction, "ahead_bytes"),
            eviction["uses"],
        );
        out.pair("eviction", &standing)?;
    }
    for url in blob["urls"].as_array().into_iter().flatten() {
        out.pair("url", url.as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// One eviction.
fn line(eviction: &Value) -> String {
    let url = eviction["urls"][0].as_str().unwrap_or_default();
    let line = format!(
        "{}  {:>10}  {:<14}  {:>6} hits  {}  {url}",
        text(eviction, "evicted_at"),
        bytes(eviction, "allocated_bytes"),
        text(eviction, "reason"),
        eviction["access_count"].to_string(),
        text(eviction, "sha256"),
    );
    printable(&line)
}
