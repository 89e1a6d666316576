//! `export`: chosen artifacts of a running cache as one file. `import`: such a file into another cache.

use std::{
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clap::Args;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use url::Url;

use super::{
    client::{Client, Transfer, accepted},
    exit::Failure,
    fetch::target_uri,
    files::produced,
    local::backup::{Owner, owner},
    output::{Output, size},
    partial::Partial,
    remote::{Remote, bearer},
    settings::{Place, Settings},
};

const PIECE: usize = 256 << 10;

/// Arguments of `export`.
#[derive(Args, Debug)]
#[group(id = "chosen", required = true, multiple = true)]
pub(super) struct Export {
    /// URLs of artifacts
    #[arg(value_name = "URL", group = "chosen")]
    urls: Vec<String>,
    /// All URLs that start with this
    #[arg(long, value_name = "URL", group = "chosen")]
    prefix: Option<String>,
    /// All URLs of this host
    #[arg(long, group = "chosen")]
    host: Option<String>,
    /// All URLs that have this digest; may be repeated
    #[arg(long, value_name = "DIGEST", group = "chosen")]
    sha256: Vec<String>,
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `import`.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// File that `export` wrote; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Export {
    /// Exports.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let urls = self.urls.iter().map(|url| Ok(target_uri(url)?.to_string()));
        let urls = urls.collect::<Result<Vec<_>, Failure>>()?;
        let chosen = json!({
            "urls": urls, "sha256": self.sha256, "prefix": self.prefix, "host": self.host,
        });
        let client = self.remote.client()?;
        let answer = client
            .stream(Method::POST, "/api/v1/export", &chosen)
            .await?;
        let (head, body) = accepted(answer).await?.into_parts();
        let mut transfer = Transfer::of(&head.headers, body);
        if self.output.as_os_str() == "-" {
            let failed = |error: io::Error| Failure::Local(error.into());
            let mut out = io::stdout().lock();
            while let Some(data) = transfer.next().await? {
                out.write_all(&data).map_err(failed)?;
            }
            return out.flush().map_err(failed);
        }
        let mut file = Partial::create(&self.output)?;
        while let Some(data) = transfer.next().await? {
            file.write(&data)?;
        }
        file.finish()?;
        if self.remote.json {
            let path = self.output.display().to_string();
            return out.json(&json!({"path": path, "size_bytes": transfer.received}));
        }
        out.pair("exported", &size(transfer.received))
    }
}

impl Import {
    /// Imports.
    pub(super) async fn run(&self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let client = self.client(before)?;
        let (from, length) = opened(&self.file)?;
        let counted = send(&client, from, length).await?;
        if self.remote.json {
            return out.json(&counted);
        }
        for name in ["artifacts", "blobs", "known", "missing"] {
            out.pair(name, &counted[name].to_string())?;
        }
        out.pair("size", &size(counted["bytes"].as_u64().unwrap_or_default()))
    }

    /// A server that was named, else the cache that runs on this machine.
    fn client(&self, before: Settings) -> Result<Client, Failure> {
        if self.remote.is_named() {
            return self.remote.client();
        }
        match owner(before.overridden_by(self.place.clone().into())).map_err(Failure::Local)? {
            Owner::Us(_) => Err(Failure::Usage("no cache runs here; start it first".into())),
            Owner::Cache(holder) => {
                let url = Url::parse(&holder.url);
                let url = url.map_err(|error| Failure::Local(error.into()))?;
                Ok(Client::new(url, Some(bearer(&holder.token)?))?)
            }
        }
    }
}

type Source = Box<dyn Read + Send>;

fn opened(path: &Path) -> Result<(Source, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let opened = std::fs::File::open(path).and_then(|file| {
        let length = file.metadata()?.len();
        Ok((Box::new(file) as Source, Some(length)))
    });
    opened.map_err(|source| Failure::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

async fn send(client: &Client, mut from: Source, length: Option<u64>) -> Result<Value, Failure> {
    let kind = HeaderValue::from_static("application/x-tar");
    let mut fields = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
    if let Some(length) = length {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let sent = Arc::new(AtomicU64::new(0));
    let progress = sent.clone();
    let bar = super::backup::bar();
    if let Some(length) = length {
        bar.set_length(length);
    }
    let shown = bar.clone();
    let body = produced(move |send| {
        loop {
            let mut piece = vec![0; PIECE];
            let read = from.read(&mut piece)?;
            piece.truncate(read);
            let all = progress.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
            shown.set_position(all);
            if read == 0 || !send(piece.into()) {
                return Ok(());
            }
        }
    });
    let target = (Method::POST, "/api/v1/import");
    let answer = client.upload(target, fields, body, &sent).await;
    bar.finish_and_clear();
    answer
}
