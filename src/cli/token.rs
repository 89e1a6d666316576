//! `token`: makes, lists and revokes access tokens, of this machine's own cache or of a server that is
//! named with `--url`.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::Url;

use super::{
    client::{Client, accepted},
    exit::Failure,
    local::tokens::{Holder, Own, Tokens, span, tokens},
    output::{Output, complain, printable},
    remote::{Remote, bearer},
    settings::{Place, Settings},
};
use crate::access::{NotKept, Wanted};

const PATH: &str = "/api/v1/tokens";

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token and print it; it is shown this once only
    Create(Create),
    /// List tokens, without their secrets
    Ls(Ls),
    /// End a token
    Revoke(Revoke),
}

/// Arguments of `token create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// What it is for
    #[arg(long, default_value = "")]
    name: String,
    /// What it allows: fetch, files:read|upload|delete, registry:read|write|promote, policy:read|write,
    /// admin:read|write, a family such as files:*, or *; may be repeated or separated by commas
    #[arg(
        long = "scope",
        required = true,
        value_delimiter = ',',
        value_name = "SCOPE"
    )]
    scopes: Vec<String>,
    /// Limit it to a host such as *.example.com or a URL prefix; may be repeated
    #[arg(long = "target", value_name = "HOST|URL")]
    targets: Vec<String>,
    /// How long it lasts, such as 12h or 90d [default: until it is revoked]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    expires: Option<Duration>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `token ls`.
#[derive(Args, Debug)]
pub(super) struct Ls {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `token revoke`.
#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// Id of the token, with or without `ac_`
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Token {
    pub(super) async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(before, out).await,
            Self::Ls(ls) => ls.run(before, out).await,
            Self::Revoke(revoke) => revoke.run(before, out).await,
        }
    }

    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Create(Create { remote, .. })
            | Self::Ls(Ls { remote, .. })
            | Self::Revoke(Revoke { remote, .. }) => remote.json,
        }
    }
}

/// Who makes, lists and ends tokens.
enum Way {
    /// A running cache.
    Server(Box<Client>),
    /// Nobody but us: no cache runs on the data.
    Own(Own),
}

/// A server that was named; else the cache of this machine, running or not.
fn way(remote: &Remote, settings: Settings) -> Result<Way, Failure> {
    if remote.is_named() {
        return Ok(Way::Server(remote.client()?.into()));
    }
    match tokens(settings).map_err(Failure::Local)? {
        Tokens::Own(own) => Ok(Way::Own(own)),
        Tokens::Held(Holder { url, token }) => {
            let url = Url::parse(&url).map_err(|error| Failure::Local(error.into()))?;
            let client = Client::new(url, Some(bearer(&token)?))?;
            Ok(Way::Server(client.into()))
        }
    }
}

impl Create {
    /// The token alone goes to standard output, so that a script can take it from there.
    async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let wanted = Wanted {
            name: self.name,
            scopes: self.scopes,
            targets: self.targets,
            expires_in: self.expires,
        };
        let created = match way(&self.remote, before.overridden_by(self.place.into()))? {
            Way::Server(client) => client.post_json(PATH, &description(&wanted)).await?,
            Way::Own(own) => own.create(wanted).await.map_err(failed)?,
        };
        if self.remote.json {
            return out.json(&created);
        }
        complain("this token is not shown again: what is kept of it cannot give it back");
        out.line(created["token"].as_str().unwrap_or_default())
    }
}

impl Ls {
    async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let items = match way(&self.remote, before.overridden_by(self.place.into()))? {
            Way::Server(client) => match client.json(PATH).await?.1["items"].take() {
                Value::Array(items) => items,
                _ => Vec::new(),
            },
            Way::Own(own) => own.list(),
        };
        if self.remote.json {
            return out.json(&json!({"items": items, "next_cursor": null}));
        }
        out.line(&row("ID", "EXPIRES", "LAST USED", "SCOPES", "NAME"))?;
        for item in &items {
            let text = |name: &str| printable(item[name].as_str().unwrap_or("-"));
            let scopes = item["scopes"].as_array().map_or(&[][..], Vec::as_slice);
            let scopes: Vec<_> = scopes.iter().filter_map(Value::as_str).collect();
            let (id, expires, used) = (text("id"), text("expires_at"), text("last_used_at"));
            let line = row(
                &id,
                &expires,
                &used,
                &printable(&scopes.join(",")),
                &text("name"),
            );
            out.line(&line)?;
        }
        out.flush()
    }
}

impl Revoke {
    async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let id = self.id.strip_prefix("ac_").unwrap_or(&self.id);
        let id = id.split('_').next().unwrap_or_default().to_owned();
        let missing = || Failure::Missing(format!("there is no token {}", printable(&id)));
        match way(&self.remote, before.overridden_by(self.place.into()))? {
            Way::Own(own) if own.revoke(&id).await.map_err(failed)? => {}
            Way::Own(_) => return Err(missing()),
            Way::Server(client) => {
                if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(missing());
                }
                let target = format!("{PATH}/{id}");
                let answer = client
                    .send(Method::DELETE, &target, HeaderMap::new())
                    .await?;
                accepted(answer).await?;
            }
        }
        if self.remote.json {
            return out.json(&json!({"id": id, "revoked": true}));
        }
        out.line(&format!("revoked {id}"))
    }
}

fn description(wanted: &Wanted) -> Value {
    json!({
        "name": wanted.name,
        "scopes": wanted.scopes,
        "targets": wanted.targets,
        "expires_in_seconds": wanted.expires_in.map(|span| span.as_secs()),
    })
}

fn row(id: &str, expires: &str, used: &str, scopes: &str, name: &str) -> String {
    format!("{id:<12}  {expires:<20}  {used:<20}  {scopes:<24}  {name}")
}

/// What is wrong with the wish is wrong usage, anything else a failure of this machine.
fn failed(error: NotKept) -> Failure {
    match error {
        NotKept::Random(_) | NotKept::Catalog(_) => Failure::Local(error.into()),
        wish => Failure::Usage(wish.to_string()),
    }
}
