//! `pin` and `unpin`: what is never evicted.

use clap::Args;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{
    client::accepted,
    exit::Failure,
    output::{Output, printable},
    remote::Remote,
    why::{query, subject},
};

/// Arguments of `pin`.
#[derive(Args, Debug)]
pub(super) struct Pin {
    /// Digest or URL; without one, what is pinned is listed
    #[arg(value_name = "DIGEST|URL")]
    subject: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `unpin`.
#[derive(Args, Debug)]
pub(super) struct Unpin {
    /// Digest or URL
    #[arg(value_name = "DIGEST|URL")]
    subject: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Pin {
    /// Pins, or lists what is pinned.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let Some(name) = &self.subject else {
            let (_, pins) = client.json("/api/v1/pins").await?;
            if self.remote.json {
                return out.json(&pins);
            }
            let mut items = pins["items"].as_array().into_iter().flatten();
            return items.try_for_each(|pin| out.line(&line(pin)));
        };
        let (field, value) = subject(name)?;
        let wanted = json!({field: value, "note": self.note});
        let pin = client.post_json("/api/v1/pins", &wanted).await?;
        if self.remote.json {
            return out.json(&pin);
        }
        out.line(&format!("pinned {}", printable(&value)))
    }
}

impl Unpin {
    /// Takes the pin back.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let path = format!("/api/v1/pins?{}", query(&self.subject)?);
        let client = self.remote.client()?;
        let answer = client.send(Method::DELETE, &path, HeaderMap::new()).await?;
        accepted(answer).await?;
        let (field, value) = subject(&self.subject)?;
        if self.remote.json {
            return out.json(&json!({field: value, "pinned": false}));
        }
        out.line(&format!("unpinned {}", printable(&value)))
    }
}

fn line(pin: &Value) -> String {
    let text = |name: &str| pin[name].as_str().unwrap_or_default();
    let known = ["url", "sha256", "key"].map(text);
    let of = known.into_iter().find(|text| !text.is_empty());
    printable(&format!(
        "{}  {}  {}",
        text("since"),
        of.unwrap_or_default(),
        text("note")
    ))
}
