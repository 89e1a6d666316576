//! `files put|get|info|rm`: uploaded files of a running cache.

mod archive;
mod expire;
mod parts;
pub(super) mod pointer;
pub(super) mod pull_run;
pub(super) mod upload_dir;

use std::path::{Path, PathBuf};

use artifact_cache_layers::body::{Body, BoxError};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{HeaderMap, Method};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    client::{Client, Transfer, accepted},
    exit::Failure,
    get::{Received, receive},
    output::{Output, printable, size},
    partial::Partial,
    remote::Remote,
    rm::confirm,
};

/// Pieces of a body that wait to be sent at most.
const QUEUE: usize = 4;
/// Verbs for files.
#[derive(Subcommand, Debug)]
pub(super) enum Files {
    /// Upload a file
    Put(Put),
    /// Download a file and check its digest
    Get(Get),
    /// Describe a file
    Info(Info),
    /// Remove a file
    Rm(Rm),
    /// Show or remove the files whose time is over by the rules of retention
    Expire(expire::Expire),
}

/// Arguments of `files put`.
#[derive(Args, Debug)]
pub(super) struct Put {
    /// File to upload
    file: PathBuf,
    /// Its media type
    #[arg(long, default_value = "application/octet-stream")]
    content_type: String,
    /// A word for it, which rules of retention may name
    #[arg(long, default_value = "")]
    tag: String,
    /// Go on with an upload that was interrupted, by the name that was told then
    #[arg(long, value_name = "UPLOAD")]
    resume: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `files get`.
#[derive(Args, Debug)]
pub(super) struct Get {
    /// Id of the file
    id: String,
    /// File to write [default: the id, here]
    #[arg(short, long)]
    output: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `files info`.
#[derive(Args, Debug)]
pub(super) struct Info {
    /// Id of the file, or how it begins, which takes an operator
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of `files rm`.
#[derive(Args, Debug)]
pub(super) struct Rm {
    /// Id of the file
    id: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Also when a pointer leads to it
    #[arg(long)]
    force: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Files {
    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Put(verb) => verb.remote.json,
            Self::Get(verb) => verb.remote.json,
            Self::Info(verb) => verb.remote.json,
            Self::Rm(verb) => verb.remote.json,
            Self::Expire(verb) => verb.remote.json,
        }
    }

    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Put(verb) => verb.run(out).await,
            Self::Get(verb) => verb.run(out).await,
            Self::Info(verb) => verb.run(out).await,
            Self::Rm(verb) => verb.run(out).await,
            Self::Expire(verb) => verb.run(out).await,
        }
    }
}

impl Put {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let way = parts::Way {
            content_type: &self.content_type,
            tag: &self.tag,
            resume: self.resume.as_deref(),
        };
        let answer = parts::send(&client, &self.file, &way).await?;
        if self.remote.json {
            return out.json(&answer);
        }
        out.line(&printable(answer["file_id"].as_str().unwrap_or_default()))
    }
}

/// Uploads a file and returns what is known of it then.
pub(super) async fn send(client: &Client, path: &Path, media_type: &str) -> Result<Value, Failure> {
    let way = parts::Way {
        content_type: media_type,
        tag: "",
        resume: None,
    };
    parts::send(client, path, &way).await
}

impl Get {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let path = self.output.clone().unwrap_or_else(|| file_name(&self.id));
        let received = download(&client, &self.id, &path).await?;
        let (sha256, size_bytes) = (received.digest.to_string(), received.size_bytes);
        let path = path.display().to_string();
        if self.remote.json {
            return out.json(&json!({"path": path, "size_bytes": size_bytes, "sha256": sha256}));
        }
        out.line(&printable(&format!(
            "{sha256}  {}  {path}",
            size(size_bytes)
        )))
    }
}

impl Info {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let target = match self.id.len() {
            64 => format!("/files/{}/info", segment(&self.id)),
            _ => format!("/api/v1/files/{}", segment(&self.id)),
        };
        let (_, info) = client.json(&target).await?;
        if self.remote.json {
            return out.json(&info);
        }
        for name in ["file_id", "size", "content_type", "created_at"] {
            let value = &info[name];
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            out.pair(name, &text)?;
        }
        Ok(())
    }
}

impl Rm {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let path = format!("/files/{}", segment(&self.id));
        client.json(&format!("{path}/info")).await?;
        if !self.dry_run {
            confirm(self.yes, &printable(&self.id))?;
            let path = if self.force {
                format!("{path}?force=1")
            } else {
                path
            };
            accepted(client.send(Method::DELETE, &path, HeaderMap::new()).await?).await?;
        }
        if self.remote.json {
            return out.json(&json!({"file_id": self.id, "removed": !self.dry_run}));
        }
        let done = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        out.line(&format!("{done} {}", printable(&self.id)))
    }
}

/// Downloads a file to `path`, which appears only when its digest is the id.
async fn download(client: &Client, id: &str, path: &Path) -> Result<Received, Failure> {
    let target = format!("/files/{}", segment(id));
    let answer = client.send(Method::GET, &target, HeaderMap::new()).await?;
    let (head, body) = accepted(answer).await?.into_parts();
    let mut file = Partial::create(path)?;
    let received = receive(Transfer::of(&head.headers, body), |bytes| file.write(bytes)).await?;
    let expected = id
        .parse()
        .map_err(|_| Failure::Usage("a file's id has 64 hex characters".into()))?;
    if received.digest != expected {
        return Err(Failure::Mismatch {
            what: format!("file {id}"),
            expected,
            actual: received.digest,
        });
    }
    file.finish()?;
    Ok(received)
}

/// A file here that is called as the id, which may come from anywhere.
fn file_name(id: &str) -> PathBuf {
    id.chars()
        .filter(char::is_ascii_hexdigit)
        .collect::<String>()
        .into()
}

/// A text as one segment of a path (RFC 3986 §3.3).
fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(["%".to_owned(), format!("{byte:02X}")]);
        }
    }
    encoded
}

/// A body that a thread produces. It gives each piece to `send`, which is false when nobody wants more;
/// an error breaks the body off.
pub(super) fn produced(
    produce: impl FnOnce(&mut dyn FnMut(Bytes) -> bool) -> Result<(), BoxError> + Send + 'static,
) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, BoxError>>(QUEUE);
    std::thread::spawn(move || {
        let produced = produce(&mut |bytes| sender.blocking_send(Ok(bytes)).is_ok());
        if let Err(error) = produced {
            // Whoever sent the body may be gone.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Body::stream(Produced(receiver))
}

struct Produced(mpsc::Receiver<Result<Bytes, BoxError>>);

impl http_body::Body for Produced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
