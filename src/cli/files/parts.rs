//! Sends a file: a small one at once, a large one in parts, so that what arrived before a connection broke
//! does not have to be sent again.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::{produced, segment};
use crate::cli::{
    client::{Client, accepted, refused},
    exit::Failure,
    output::complain,
};

/// Bytes read from a file at once.
const PIECE: usize = 1 << 20;
/// Files from this length on go in parts.
const LARGE: u64 = 16 << 20;
/// An attempt that brought so much further was not in vain.
const ENOUGH: u64 = 1 << 20;
/// Attempts in vain in a row until it is given up.
const ATTEMPTS: u32 = 5;
/// The wait after the first of them; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(250);

/// How a file is sent.
pub(super) struct Way<'a> {
    pub(super) content_type: &'a str,
    pub(super) tag: &'a str,
    /// The upload that is gone on with.
    pub(super) resume: Option<&'a str>,
}

struct Sending<'a> {
    client: &'a Client,
    path: &'a Path,
    length: u64,
    way: &'a Way<'a>,
}

/// Uploads a file and returns what is known of it then.
pub(super) async fn send(client: &Client, path: &Path, way: &Way<'_>) -> Result<Value, Failure> {
    let length = std::fs::metadata(path).map_err(failed(path))?.len();
    let sending = Sending {
        client,
        path,
        length,
        way,
    };
    if let Some(name) = way.resume {
        return sending
            .in_parts(format!("/files/uploads/{}", segment(name)))
            .await;
    }
    if length >= LARGE
        && let Some(upload) = sending.begin().await?
    {
        return sending.in_parts(upload).await;
    }
    sending.at_once().await
}

impl Sending<'_> {
    fn target(&self) -> String {
        match self.way.tag {
            "" => "/files".to_owned(),
            tag => format!("/files?tag={}", segment(tag)),
        }
    }

    async fn at_once(&self) -> Result<Value, Failure> {
        let mut fields = HeaderMap::from_iter([(header::CONTENT_TYPE, self.kind()?)]);
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length));
        let (body, sent) = self.body(0)?;
        let target = self.target();
        self.client
            .upload((Method::POST, &target), fields, body, &sent)
            .await
    }

    /// Begins an upload in parts and returns its path; `None` from a server that knows none.
    async fn begin(&self) -> Result<Option<String>, Failure> {
        let fields = HeaderMap::from_iter([
            (header::CONTENT_TYPE, self.kind()?),
            (header::CONTENT_LENGTH, HeaderValue::from(0)),
            (field("upload-complete"), HeaderValue::from_static("?0")),
            (field("upload-length"), HeaderValue::from(self.length)),
        ]);
        let answer = self
            .client
            .send(Method::POST, &self.target(), fields)
            .await?;
        let answer = accepted(answer).await?;
        let place = answer.headers().get(header::LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        Ok(place
            .filter(|place| place.starts_with("/files/uploads/"))
            .map(str::to_owned))
    }

    /// Sends what is missing until all is there.
    async fn in_parts(&self, upload: String) -> Result<Value, Failure> {
        let (mut failures, mut before) = (0, 0);
        loop {
            let ended = self.rest(&upload).await;
            let (offset, failure) = match ended {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if offset >= before + ENOUGH {
                (before, failures) = (offset, 0);
            }
            failures += 1;
            let is_final = matches!(&failure, Failure::Refused(refusal) if refusal.status != StatusCode::CONFLICT);
            if is_final || failures >= ATTEMPTS {
                self.tell(&upload);
                return Err(failure);
            }
            tokio::time::sleep(WAIT * 2_u32.pow(failures - 1)).await;
        }
    }

    /// What went wrong comes with how much had arrived before.
    async fn rest(&self, upload: &str) -> Result<Value, (u64, Failure)> {
        let (offset, file) = self.offset(upload).await.map_err(|failure| (0, failure))?;
        if let Some(file) = file {
            // The last answer was missed.
            let info = self.client.json(&format!("{file}/info")).await;
            return info
                .map(|(_, info)| info)
                .map_err(|failure| (offset, failure));
        }
        let sent = self.append(upload, offset).await;
        sent.map_err(|failure| (offset, failure))
    }

    /// How much is there, and the path of the file that it has become, if it has.
    async fn offset(&self, upload: &str) -> Result<(u64, Option<String>), Failure> {
        let answer = self.client.send(Method::HEAD, upload, HeaderMap::new());
        let answer = answer.await?;
        if !answer.status().is_success() {
            return Err(refused(answer.status()));
        }
        let text = |name: &str| answer.headers().get(name)?.to_str().ok();
        let offset = text("upload-offset").and_then(|offset| offset.parse().ok());
        let file = text("location").filter(|_| text("upload-complete") == Some("?1"));
        offset
            .filter(|offset| *offset <= self.length)
            .map(|offset| (offset, file.map(str::to_owned)))
            .ok_or_else(|| Failure::Missing("the upload is of another file".into()))
    }

    async fn append(&self, upload: &str, offset: u64) -> Result<Value, Failure> {
        let kind = HeaderValue::from_static("application/partial-upload");
        let fields = HeaderMap::from_iter([
            (header::CONTENT_TYPE, kind),
            (
                header::CONTENT_LENGTH,
                HeaderValue::from(self.length - offset),
            ),
            (field("upload-complete"), HeaderValue::from_static("?1")),
            (field("upload-offset"), HeaderValue::from(offset)),
        ]);
        let (body, sent) = self.body(offset)?;
        self.client
            .upload((Method::PATCH, upload), fields, body, &sent)
            .await
    }

    /// The file from an offset on, and how much of it was taken so far.
    fn body(&self, offset: u64) -> Result<(Body, Arc<AtomicU64>), Failure> {
        let mut file = File::open(self.path).map_err(failed(self.path))?;
        file.seek(SeekFrom::Start(offset))
            .map_err(failed(self.path))?;
        let sent = Arc::new(AtomicU64::new(offset));
        let (progress, length) = (sent.clone(), self.length);
        let body = produced(move |send| {
            let mut left = length - offset;
            while left > 0 {
                let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                let mut piece = vec![0; wanted];
                file.read_exact(&mut piece)?;
                left -= wanted as u64;
                progress.store(length - left, Ordering::Relaxed);
                if !send(piece.into()) {
                    return Ok(());
                }
            }
            Ok(())
        });
        Ok((body, sent))
    }

    fn kind(&self) -> Result<HeaderValue, Failure> {
        let kind = HeaderValue::try_from(self.way.content_type);
        kind.map_err(|_| Failure::Usage("that is no media type".into()))
    }

    fn tell(&self, upload: &str) {
        let name = upload.rsplit('/').next().unwrap_or_default();
        let path = self.path.display();
        complain(&format!("to go on later: files put {path} --resume {name}"));
    }
}

const fn field(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |source| Failure::File {
        action: "read",
        path: path.to_owned(),
        source,
    }
}
