//! `tag` and `untag`: names for artifacts, to find and to purge them together.

use clap::Args;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    client::{Client, accepted},
    exit::Failure,
    output::{Output, printable},
    remote::Remote,
    why::{query, subject},
};

/// Arguments of `tag`.
#[derive(Args, Debug)]
pub(super) struct Tag {
    /// Digest or URL of what is stored; without one, the names that were given are listed
    #[arg(value_name = "DIGEST|URL", requires = "names")]
    subject: Option<String>,
    /// The names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `untag`.
#[derive(Args, Debug)]
pub(super) struct Untag {
    /// Digest or URL
    #[arg(value_name = "DIGEST|URL")]
    subject: String,
    /// The names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Tag {
    /// Gives the tags, or lists them.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let Some(named) = &self.subject else {
            return tell_all(&client, self.remote.json, out).await;
        };
        let (field, value) = subject(named)?;
        let mut tagged = 0;
        for name in &self.names {
            let wanted = json!({field: value});
            let done = client.send_json(Method::PUT, &path(name), &wanted).await?;
            tagged = done["artifacts"].as_u64().unwrap_or_default();
        }
        if self.remote.json {
            return out.json(&json!({field: value, "tags": self.names, "artifacts": tagged}));
        }
        out.line(&format!(
            "tagged {tagged} artifacts of {}",
            printable(&value)
        ))
    }
}

impl Untag {
    /// Takes the tags back.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        for name in &self.names {
            let target = format!("{}?{}", path(name), query(&self.subject)?);
            let answer = client
                .send(Method::DELETE, &target, HeaderMap::new())
                .await?;
            accepted(answer).await?;
        }
        let (field, value) = subject(&self.subject)?;
        if self.remote.json {
            return out.json(&json!({field: value, "untagged": self.names}));
        }
        out.line(&format!("untagged {}", printable(&value)))
    }
}

/// Prints the names.
async fn tell_all(client: &Client, is_json: bool, out: &mut Output) -> Result<(), Failure> {
    let items = all(client).await?;
    if is_json {
        return out.json(&items);
    }
    out.line(&format!("{:>10}  TAG", "ARTIFACTS"))?;
    items.iter().try_for_each(|item| {
        let (count, name) = (&item["artifacts"], item["name"].as_str());
        let name = printable(name.unwrap_or_default());
        out.line(&format!("{:>10}  {name}", count.to_string()))
    })
}

async fn all(client: &Client) -> Result<Vec<Value>, Failure> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, mut page) = client
            .json(&format!("/api/v1/tags?limit=200{cursor}"))
            .await?;
        if let Value::Array(found) = page["items"].take() {
            items.extend(found);
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return Ok(items);
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        cursor = format!("&{}", query.append_pair("cursor", next).finish());
    }
}

fn path(name: &str) -> String {
    // A form's encoding writes a space as `+`; no tag has one.
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/api/v1/tags/{name}")
}
