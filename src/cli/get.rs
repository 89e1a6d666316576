//! `get`: one artifact through a running cache into a file or standard output. The digest is checked
//! here once more, whatever the server checked: against the pin, and against what the server announced.

use std::path::{Path, PathBuf};

use artifact_cache_layers::digest::Sha256;
use clap::Args;
use http::{HeaderMap, Method};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sha2::Digest as _;

use super::{
    client::{Transfer, accepted},
    exit::Failure,
    fetch::{Source, Wanted},
    output::{Output, printable, size},
    partial::Partial,
    remote::Remote,
};

const STYLE: &str = "{bar:32} {binary_bytes} / {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
const STYLE_OF_UNKNOWN_LENGTH: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}";

/// Arguments of `get`.
#[derive(Args, Debug)]
pub(super) struct Get {
    #[command(flatten)]
    source: Source,
    /// File or directory to write, - for standard output [default: named as in the URL, here]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// What was received.
pub(super) struct Received {
    pub(super) digest: Sha256,
    pub(super) size_bytes: u64,
}

impl Get {
    /// Downloads; an interrupt leaves no file behind.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let wanted = self.source.wanted()?;
        if self.is_stdout() && self.remote.json {
            let message = "--json and -o - both want standard output";
            return Err(Failure::Usage(message.into()));
        }
        tokio::select! {
            done = self.download(&wanted, out) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    }

    async fn download(&self, wanted: &Wanted, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let target = wanted.target();
        let answer = client.send(Method::GET, &target, HeaderMap::new()).await?;
        let (head, body) = accepted(answer).await?.into_parts();
        let transfer = Transfer::of(&head.headers, body);
        let expected = wanted.pin.or_else(|| announced(&head.headers));
        if self.is_stdout() {
            let received = receive(transfer, |bytes| out.bytes(bytes)).await?;
            out.flush()?;
            return received.check(wanted, expected);
        }
        let mut file = Partial::create(&self.path(wanted))?;
        let received = receive(transfer, |bytes| file.write(bytes)).await?;
        received.check(wanted, expected)?;
        let path = file.path().to_owned();
        file.finish()?;
        self.tell(&path, &received, &head.headers, out)
    }

    fn is_stdout(&self) -> bool {
        self.output.as_deref() == Some(Path::new("-"))
    }

    fn path(&self, wanted: &Wanted) -> PathBuf {
        match &self.output {
            Some(path) if path.is_dir() => path.join(wanted.file_name()),
            Some(path) => path.clone(),
            None => wanted.file_name().into(),
        }
    }

    fn tell(
        &self,
        path: &Path,
        received: &Received,
        fields: &HeaderMap,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let cache_status = text_of(fields, "x-cache-status").unwrap_or_default();
        let Received { digest, size_bytes } = received;
        if self.remote.json {
            return out.json(&json!({
                "path": path.display().to_string(),
                "size_bytes": size_bytes,
                "sha256": digest.to_string(),
                "cache_status": cache_status,
            }));
        }
        let (path, size) = (path.display().to_string(), size(*size_bytes));
        out.line(&printable(&format!(
            "{digest}  {size}  {cache_status}  {path}"
        )))
    }
}

impl Received {
    fn check(&self, wanted: &Wanted, expected: Option<Sha256>) -> Result<(), Failure> {
        match expected {
            Some(expected) if expected != self.digest => Err(Failure::Mismatch {
                what: wanted.uri.to_string(),
                expected,
                actual: self.digest,
            }),
            _ => Ok(()),
        }
    }
}

/// Reads a body to its end, hashing it, with a progress bar where standard error is a terminal.
pub(super) async fn receive(
    mut transfer: Transfer,
    mut write: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Received, Failure> {
    let bar = progress(transfer.length);
    let mut hasher = sha2::Sha256::new();
    while let Some(data) = transfer.next().await? {
        hasher.update(&data);
        write(&data)?;
        bar.set_position(transfer.received);
    }
    bar.finish_and_clear();
    let digest: [u8; 32] = hasher.finalize().into();
    Ok(Received {
        digest: digest.into(),
        size_bytes: transfer.received,
    })
}

/// Hidden by itself when standard error is not a terminal.
fn progress(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), STYLE),
        None => (ProgressBar::new_spinner(), STYLE_OF_UNKNOWN_LENGTH),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn announced(fields: &HeaderMap) -> Option<Sha256> {
    text_of(fields, "x-content-sha256")?.parse().ok()
}

fn text_of<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    fields.get(name)?.to_str().ok()
}
