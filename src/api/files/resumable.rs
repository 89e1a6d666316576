//! Uploads in several parts (draft-ietf-httpbis-resumable-upload): `POST /files` with `Upload-Complete: ?0`
//! begins one and says where it goes on; `HEAD` there tells how much came, `PATCH` appends, `DELETE` gives
//! up. What is left of the draft: informational responses, which this server does not send.

use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{
    Files, Info, broken,
    digests::Announced,
    fields::{self, COMPLETE, LENGTH, OFFSET},
    invalid,
    keys::{self, Scope},
    sign::Permit,
    upload::{self, Bounds, failed},
};
use crate::{
    api::answer,
    artifact::file::{File, Label},
    error::Error,
    store::{
        resumable::{Begun, Progress, Turn, seconds},
        upload::{Upload, hex},
    },
};

/// Bytes of an upload's name: too many to be guessed.
const NAME: usize = 16;

/// What a part comes to.
enum Came {
    /// There is more to come behind this many bytes.
    Part(u64),
    /// It has become a file.
    Whole(File),
}

/// One part of an upload, worked on by a task of its own: a client that leaves must not undo what came.
struct Part {
    files: Files,
    turn: Turn,
    progress: Progress,
    bounds: Bounds,
    announced: Announced,
    is_last: bool,
}

impl Files {
    /// Begins an upload; what the request has is its first part.
    pub(super) async fn begin_parts(
        &self,
        head: &Parts,
        body: Body,
        permit: Option<Permit>,
    ) -> Result<Response<Body>, BoxError> {
        let begun = self.begun(head, permit.as_ref())?;
        let bounds = self.bounds(permit.as_ref());
        let length = begun.length.unwrap_or(0).max(body.size_hint().lower());
        bounds.check_growing(length)?;
        let mut name = [0; NAME];
        aws_lc_rs::rand::fill(&mut name).map_err(|_| Error::Internal {
            details: "no random numbers".into(),
        })?;
        let id = hex(&name);
        let free = bounds.min_free_bytes;
        let turn = self.store.begin_parts(&id, &begun, free).await;
        let turn = turn.map_err(failed)?;
        let progress = Progress { begun, offset: 0 };
        let announced = Announced::default();
        let is_last = false;
        let files = self.clone();
        let part = Part {
            files,
            turn,
            progress,
            bounds,
            announced,
            is_last,
        };
        let offset = match part.run(body).await? {
            Came::Part(offset) => offset,
            Came::Whole(file) => file.size_bytes,
        };
        let location = format!("/files/uploads/{id}");
        tracing::debug!(upload = id, "upload in parts begun");
        let mut response = answer::json(
            StatusCode::CREATED,
            &json!({"upload": location, "offset": offset}),
        )?;
        fields::put(&mut response, header::LOCATION, location);
        self.describe(&mut response, offset, false);
        Ok(response)
    }

    fn begun(&self, head: &Parts, permit: Option<&Permit>) -> Result<Begun, Error> {
        if upload::is_form(&head.headers) {
            return Err(invalid("an upload in parts is the file itself, not a form"));
        }
        fields::refuse_digests(&head.headers)?;
        let query = upload::Query::of(head, permit)?;
        Announced::of_request(&http::HeaderMap::new(), query.sha256.as_deref(), false)?;
        let length = fields::number(&head.headers, &LENGTH)?;
        let agreed = permit.and_then(|permit| permit.size);
        if let (Some(length), Some(agreed)) = (length, agreed)
            && length != agreed
        {
            return Err(invalid(format!(
                "the file has {length} bytes instead of {agreed}"
            )));
        }
        let bound = permit.and_then(|permit| permit.sha256);
        Ok(Begun {
            content_type: upload::content_type(&head.headers),
            length: length.or(agreed),
            sha256: bound.map(|digest| digest.to_string()).or(query.sha256),
            tag: query.tag,
            key: keys::name(&self.config.load(), head),
            open_until: permit.map(|permit| permit.expires),
        })
    }

    /// Answers what is asked of an upload in parts.
    pub(super) async fn parts(
        &self,
        id: &str,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, BoxError> {
        let is_name = id.len() == 2 * NAME && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = id.to_ascii_lowercase();
        let gone = || Error::Absent {
            message: format!(
                "upload {} not found",
                if is_name { &*id } else { "of that name" }
            ),
        };
        let permitted = self.permit(Scope::Upload, head).map(drop);
        let Some((turn, progress)) = self.store.parts(&id).await else {
            permitted?;
            return self.finished(&id, head).ok_or_else(|| gone().into());
        };
        let now = seconds(self.store.clock().now());
        if progress.begun.open_until.is_none_or(|until| now >= until) {
            permitted?;
        }
        match head.method {
            Method::HEAD => {
                let mut response = answer::no_content();
                self.describe(&mut response, progress.offset, false);
                if let Some(length) = progress.begun.length {
                    fields::put(&mut response, LENGTH, length.to_string());
                }
                Ok(response)
            }
            Method::DELETE => {
                turn.cancel().await;
                Ok(answer::no_content())
            }
            _ => self.append(turn, progress, head, body).await,
        }
    }

    /// An upload that became a file while its client was away.
    fn finished(&self, id: &str, head: &Parts) -> Option<Response<Body>> {
        let (digest, length) = self.store.finished_upload(id)?;
        if head.method != Method::HEAD {
            return None;
        }
        let mut response = answer::no_content();
        self.describe(&mut response, length, true);
        fields::put(&mut response, header::LOCATION, format!("/files/{digest}"));
        Some(response)
    }

    async fn append(
        &self,
        turn: Turn,
        progress: Progress,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, BoxError> {
        let (offset, is_last) = fields::part(&head.headers)?;
        if offset != progress.offset {
            let there = progress.offset;
            let message = format!("the upload has {there} bytes; this part begins at {offset}");
            return Err(Error::Conflict { message }.into());
        }
        let announced =
            fields::announced(&head.headers, is_last, progress.begun.sha256.as_deref())?;
        let bounds = Bounds {
            exactly: progress.begun.length,
            ..self.bounds(None)
        };
        bounds.check_growing(offset.saturating_add(body.size_hint().lower()))?;
        let files = self.clone();
        let part = Part {
            files,
            turn,
            progress,
            bounds,
            announced,
            is_last,
        };
        match part.run(body).await? {
            Came::Part(offset) => {
                let mut response = answer::no_content();
                self.describe(&mut response, offset, false);
                Ok(response)
            }
            Came::Whole(file) => {
                let mut response = Self::created(&file)?;
                self.describe(&mut response, file.size_bytes, true);
                Ok(response)
            }
        }
    }

    /// How far it is, and what its client may do.
    fn describe(&self, response: &mut Response<Body>, offset: u64, is_complete: bool) {
        let complete = if is_complete { "?1" } else { "?0" };
        fields::put(response, COMPLETE, complete.to_owned());
        fields::put(response, OFFSET, offset.to_string());
        let age = self.store.keeps_parts().as_secs();
        let most = match self.bounds(None).most {
            0 => String::new(),
            most => format!(", max-size={most}"),
        };
        let limit = HeaderName::from_static("upload-limit");
        fields::put(response, limit, format!("max-age={age}{most}"));
        let fixed = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, fixed);
    }
}

impl Part {
    /// Takes the part in, whether or not its client stays.
    async fn run(self, body: Body) -> Result<Came, Error> {
        let tasks = self.files.store.clone();
        let ran = tasks.own(async move { self.take(body).await }).await;
        ran.unwrap_or(Err(Error::Internal {
            details: "the upload was cut off by shutdown".into(),
        }))
    }

    async fn take(self, body: Body) -> Result<Came, Error> {
        let (wanted, free) = (self.announced.wanted(), self.bounds.min_free_bytes);
        let resumed = self.turn.resume(self.is_last, wanted, free).await;
        let mut upload = resumed.map_err(failed)?;
        let came = self.receive(&mut upload, body).await;
        let is_over = came.is_ok() && self.is_last;
        if !is_over {
            let offset = self.turn.pause(upload).await.map_err(failed)?;
            return came.map(|_| Came::Part(offset));
        }
        let length = came?;
        if let Err(error) = self.bounds.check(length) {
            self.turn.pause(upload).await.map_err(failed)?;
            return Err(error);
        }
        let received = upload.finish().await.map_err(failed)?;
        self.announced.check(&received)?;
        let Begun {
            content_type,
            tag,
            key,
            ..
        } = self.progress.begun.clone();
        let label = Label { tag, key };
        let kept = self.files.store.keep_upload(received, content_type, label);
        let file = kept.await.map_err(failed)?;
        self.turn.finished(file.digest, file.size_bytes);
        Ok(Came::Whole(file))
    }

    /// The bytes of the part; the length of all then.
    async fn receive(&self, upload: &mut Upload, mut body: Body) -> Result<u64, Error> {
        let (mut length, stop) = (self.progress.offset, self.turn.stop());
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = stop.cancelled() => return Err(invalid("another request goes on with this upload")),
            };
            let Some(frame) = frame else {
                return Ok(length);
            };
            let frame = frame.map_err(|error| broken(&*error))?;
            if let Ok(bytes) = frame.into_data() {
                length += bytes.len() as u64;
                self.bounds.check_growing(length)?;
                upload.write(bytes).await.map_err(failed)?;
            }
        }
    }
}

impl Files {
    /// The answer to an upload that has become a file.
    pub(super) fn created(file: &File) -> Result<Response<Body>, BoxError> {
        tracing::info!(
            file_id = %file.digest,
            size_bytes = file.size_bytes,
            content_type = file.content_type,
            "file uploaded"
        );
        let mut response = answer::json(StatusCode::CREATED, &Info::of(file))?;
        let location = format!("/files/{}", file.digest);
        fields::put(&mut response, header::LOCATION, location);
        Ok(response)
    }
}
