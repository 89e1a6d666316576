//! `upload-dir`: a directory becomes an uploaded archive while it is read, and a run points to it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};

use super::{archive::pack, pointer, produced};
use crate::{
    artifact::file::{Owner, PointerName},
    cli::{
        exit::Failure,
        output::{Output, complain},
        remote::Remote,
    },
};

/// Bytes of the archive that are sent at once.
const PIECE: usize = 256 << 10;

/// Arguments of `upload-dir`.
#[derive(Args, Debug)]
pub(in crate::cli) struct UploadDir {
    /// Directory to upload
    directory: PathBuf,
    /// Name of the archive and of the directory in it
    #[arg(long)]
    name: String,
    /// Run that is to point to it
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Tokenizer that is to point to it
    #[arg(long, value_name = "ID", conflicts_with = "run")]
    tokenizer: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

impl UploadDir {
    pub(in crate::cli) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let owner = self.owner()?;
        if PointerName::new(Owner::Run, &self.name).is_none() || self.name.contains('"') {
            return Err(Failure::Usage("--name is no name of a directory".into()));
        }
        if !self.directory.is_dir() {
            let message = format!("{} is no directory", self.directory.display());
            return Err(Failure::Usage(message));
        }
        let file_id = self.upload(owner.as_ref()).await;
        let file_id = file_id.map_err(|failure| Failure::Upload(Box::new(failure)))?;
        let (run, tokenizer) = (&self.run, &self.tokenizer);
        complain(
            &json!({
                "level": "INFO", "msg": "artifact_uploaded", "event": "artifact_uploaded",
                "category": "artifact", "service": "artifact-cache",
                "file_id": file_id, "run_id": run, "tokenizer_id": tokenizer,
            })
            .to_string(),
        );
        out.line(&pointer::document(&file_id).to_string())
    }

    fn owner(&self) -> Result<Option<PointerName>, Failure> {
        let owner = match (&self.run, &self.tokenizer) {
            (Some(id), _) => Some((Owner::Run, id)),
            (None, Some(id)) => Some((Owner::Tokenizer, id)),
            (None, None) => None,
        };
        owner
            .map(|(owner, id)| pointer::name(owner, id))
            .transpose()
    }

    async fn upload(&self, owner: Option<&PointerName>) -> Result<String, Failure> {
        let client = self.remote.data_bank()?;
        let boundary = format!("artifact-{:016x}", fastrand::u64(..));
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
        let kind = kind.map_err(|_| Failure::Usage("--name is no name of a directory".into()))?;
        let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        let sent = Arc::new(AtomicU64::new(0));
        let body = form(
            self.directory.clone(),
            self.name.clone(),
            boundary,
            sent.clone(),
        );
        let answer = client
            .upload((Method::POST, "/files"), fields, body, &sent)
            .await?;
        let file_id = file_id(&answer)?;
        if let Some(owner) = owner {
            pointer::set(&client, owner, &file_id, false).await?;
        }
        Ok(file_id)
    }
}

/// The form with the archive, which is made while it is sent.
fn form(
    directory: PathBuf,
    name: String,
    boundary: String,
    sent: Arc<AtomicU64>,
) -> artifact_cache_layers::body::Body {
    produced(move |send| {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"{name}.tar.gz\"\r\nContent-Type: application/gzip\r\n\r\n"
        );
        let mut writer = Pieces {
            buffer: head.into_bytes(),
            send,
            sent: &sent,
        };
        pack(Path::new(&directory), &name, &mut writer)?;
        write!(writer, "\r\n--{boundary}--\r\n")?;
        writer.flush()?;
        Ok(())
    })
}

fn file_id(answer: &Value) -> Result<String, Failure> {
    let id = answer["file_id"].as_str().filter(|id| !id.is_empty());
    let missing = || Failure::Missing("the answer names no file_id".into());
    id.map(str::to_owned).ok_or_else(missing)
}

/// Hands on what is written in pieces of a good size.
struct Pieces<'a> {
    buffer: Vec<u8>,
    send: &'a mut dyn FnMut(Bytes) -> bool,
    sent: &'a AtomicU64,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.buffer);
        if piece.is_empty() {
            return Ok(());
        }
        self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if (self.send)(piece.into()) {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
}
