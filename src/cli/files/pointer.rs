//! `pointer get|set|rm`: which file a run or a tokenizer points to.

use std::sync::atomic::AtomicU64;

use artifact_cache_layers::body::Body;
use clap::{Args, Subcommand, ValueEnum};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};

use super::segment;
use crate::{
    artifact::file::{Owner, PointerName},
    cli::{
        client::{Client, accepted},
        exit::Failure,
        output::{Output, printable},
        remote::Remote,
        rm::confirm,
    },
};

/// Verbs for pointers.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum Pointer {
    /// Show where a pointer leads
    Get(Get),
    /// Make a pointer lead to a file
    Set(Set),
    /// Remove a pointer
    Rm(Rm),
}

/// What a pointer belongs to.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Run,
    Tokenizer,
}

#[derive(Args, Debug)]
struct Named {
    /// What it belongs to
    kind: Kind,
    /// Which one
    id: String,
}

/// Arguments of `pointer get`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Get {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `pointer set`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    named: Named,
    /// Id of the file
    file: String,
    /// Also to a file that is not there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `pointer rm`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Rm {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Named {
    fn name(&self) -> Result<PointerName, Failure> {
        let owner = match self.kind {
            Kind::Run => Owner::Run,
            Kind::Tokenizer => Owner::Tokenizer,
        };
        name(owner, &self.id)
    }
}

impl Pointer {
    pub(in crate::cli) const fn is_json(&self) -> bool {
        match self {
            Self::Get(verb) => verb.remote.json,
            Self::Set(verb) => verb.remote.json,
            Self::Rm(verb) => verb.remote.json,
        }
    }

    pub(in crate::cli) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Get(verb) => {
                let id = get(&verb.remote.data_bank()?, &verb.named.name()?).await?;
                out.line(&document(&id).to_string())
            }
            Self::Set(verb) => {
                let (client, name) = (verb.remote.data_bank()?, verb.named.name()?);
                set(&client, &name, &verb.file, verb.force).await?;
                out.line(&document(&verb.file).to_string())
            }
            Self::Rm(verb) => verb.run(out).await,
        }
    }
}

impl Rm {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let (client, name) = (self.remote.data_bank()?, self.named.name()?);
        get(&client, &name).await?;
        if !self.dry_run {
            confirm(self.yes, &printable(&name.to_string()))?;
            let target = path(&name);
            let answer = client.send(Method::DELETE, &target, HeaderMap::new());
            accepted(answer.await?).await?;
        }
        if self.remote.json {
            return out.json(&json!({"pointer": name.to_string(), "removed": !self.dry_run}));
        }
        let done = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        out.line(&printable(&format!("{done} {name}")))
    }
}

/// The name of a pointer.
pub(super) fn name(owner: Owner, id: &str) -> Result<PointerName, Failure> {
    let message = || Failure::Usage("an id has 1 to 200 characters and no separators".into());
    PointerName::new(owner, id).ok_or_else(message)
}

/// The file that a pointer leads to.
pub(super) async fn get(client: &Client, name: &PointerName) -> Result<String, Failure> {
    let (_, pointer) = client.json(&path(name)).await?;
    let id = pointer["file_id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failure::Missing("the answer names no file_id".into()))
}

/// Makes a pointer lead to a file.
pub(super) async fn set(
    client: &Client,
    name: &PointerName,
    file_id: &str,
    force: bool,
) -> Result<(), Failure> {
    let json = HeaderValue::from_static("application/json");
    let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    let query = if force { "?force=1" } else { "" };
    let target = format!("{}{query}", path(name));
    let (body, sent) = (Body::from(document(file_id).to_string()), AtomicU64::new(0));
    let answer = client.upload((Method::PUT, &target), fields, body, &sent);
    answer.await.map(drop)
}

/// A pointer as it is written.
pub(super) fn document(file_id: &str) -> Value {
    json!({"storage": "data-bank", "file_id": file_id})
}

fn path(name: &PointerName) -> String {
    let owner = match name.owner {
        Owner::Run => "runs",
        Owner::Tokenizer => "tokenizers",
    };
    format!("/{owner}/{}/artifact", segment(&name.id))
}
