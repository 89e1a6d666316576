//! `POST /files`: a form with the field `file`, or the file itself, becomes an uploaded file. Nothing is
//! kept unless every byte came and every announced digest is right.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderValue, header, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use url::form_urlencoded;

use super::{
    Files, broken,
    digests::Announced,
    invalid, keys,
    multipart::{InvalidMultipart, Multipart, Part, boundary},
    sign::Permit,
};
use crate::{
    artifact::file::{File, Label},
    error::Error,
    store::upload::{Received, Upload, UploadError},
};

/// The form's field that has the file.
const FIELD: &str = "file";
const UNKNOWN: &str = "application/octet-stream";
/// What a form may have beside the file, in bytes, before its length alone says that it is too large.
const OVERHEAD: u64 = 1 << 20;

/// Bounds of one upload.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Most bytes; 0 without a limit.
    pub(super) most: u64,
    /// The length that was agreed on.
    pub(super) exactly: Option<u64>,
    pub(super) min_free_bytes: u64,
}

/// What the query of an upload says.
#[derive(Default)]
pub(super) struct Query {
    /// The digest that it must have.
    pub(super) sha256: Option<String>,
    /// Its tag; empty for none.
    pub(super) tag: String,
}

impl Files {
    /// Takes a file in.
    pub(super) async fn upload(
        &self,
        head: &Parts,
        body: Body,
        permit: Option<Permit>,
    ) -> Result<File, Error> {
        let bounds = self.bounds(permit.as_ref());
        let form = head.headers.get(header::CONTENT_TYPE).and_then(boundary);
        let form = form.transpose().map_err(unreadable)?;
        let query = Query::of(head, permit.as_ref())?;
        let pin = query.sha256.as_deref();
        let mut announced = Announced::of_request(&head.headers, pin, form.is_some())?;
        if let Some(sha256) = permit.and_then(|permit| permit.sha256) {
            announced.add_sha256(sha256.to_string());
        }
        let overhead = if form.is_some() { OVERHEAD } else { 0 };
        bounds.check_announced(body.size_hint().lower(), overhead)?;
        let (received, content_type) = if let Some(boundary) = form {
            let reads_message = !announced.wanted().of_message.is_empty();
            let form = Multipart::new(body, &boundary, reads_message);
            self.receive_form(form, &mut announced, bounds).await?
        } else {
            let received = self.receive_raw(body, &announced, bounds).await?;
            (received, content_type(&head.headers))
        };
        bounds.check(received.size_bytes)?;
        announced.check(&received)?;
        let label = Label {
            tag: query.tag,
            key: keys::name(&self.config.load(), head),
        };
        let kept = self.store.keep_upload(received, content_type, label);
        kept.await.map_err(failed)
    }

    pub(super) fn bounds(&self, permit: Option<&Permit>) -> Bounds {
        let config = self.config.load();
        let limits = [
            config.files.max_file_bytes.0,
            config.storage.max_object_bytes.0,
        ];
        Bounds {
            most: limits
                .into_iter()
                .filter(|limit| *limit > 0)
                .min()
                .unwrap_or(0),
            exactly: permit.and_then(|permit| permit.size),
            min_free_bytes: config.files.min_free_bytes.0,
        }
    }

    async fn receive_raw(
        &self,
        mut body: Body,
        announced: &Announced,
        bounds: Bounds,
    ) -> Result<Received, Error> {
        let length = body.size_hint().exact();
        let mut upload = self.begin(length, announced, bounds).await?;
        let mut size_bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&*error))?;
            if let Ok(bytes) = frame.into_data() {
                size_bytes += bytes.len() as u64;
                bounds.check_growing(size_bytes)?;
                upload.write(bytes).await.map_err(failed)?;
            }
        }
        upload.finish().await.map_err(failed)
    }

    /// The first part called `file`; the others are passed over.
    async fn receive_form(
        &self,
        mut form: Multipart,
        announced: &mut Announced,
        bounds: Bounds,
    ) -> Result<(Received, String), Error> {
        let mut found = None;
        while let Some(part) = form.next_part().await.map_err(unreadable)? {
            if part.name != FIELD {
                while form.data().await.map_err(unreadable)?.is_some() {}
            } else if found.is_some() {
                return Err(invalid("the form has more than one field 'file'"));
            } else {
                found = Some(
                    self.receive_part(&mut form, &part, announced, bounds)
                        .await?,
                );
            }
        }
        let (mut upload, content_type) =
            found.ok_or_else(|| invalid("the form has no field 'file'"))?;
        note(&mut upload, &mut form).await?;
        let received = upload.finish().await.map_err(failed)?;
        Ok((received, content_type))
    }

    async fn receive_part(
        &self,
        form: &mut Multipart,
        part: &Part,
        announced: &mut Announced,
        bounds: Bounds,
    ) -> Result<(Upload, String), Error> {
        announced.add_part(&part.fields)?;
        let mut upload = self.begin(None, announced, bounds).await?;
        let mut size_bytes = 0;
        while let Some(bytes) = form.data().await.map_err(unreadable)? {
            size_bytes += bytes.len() as u64;
            bounds.check_growing(size_bytes)?;
            note(&mut upload, form).await?;
            upload.write(bytes).await.map_err(failed)?;
        }
        Ok((upload, media_type(part.content_type.as_ref())))
    }

    async fn begin(
        &self,
        length: Option<u64>,
        announced: &Announced,
        bounds: Bounds,
    ) -> Result<Upload, Error> {
        let begun = self
            .store
            .begin_upload(length, bounds.min_free_bytes, announced.wanted());
        begun.await.map_err(failed)
    }
}

impl Bounds {
    /// Judges the length of a message before any of it is read.
    fn check_announced(self, length: u64, overhead: u64) -> Result<(), Error> {
        self.check_growing(length.saturating_sub(overhead))
    }

    pub(super) fn check_growing(self, length: u64) -> Result<(), Error> {
        let most = self
            .exactly
            .into_iter()
            .chain((self.most > 0).then_some(self.most));
        match most.min() {
            Some(limit) if length > limit => Err(Error::PayloadTooLarge { limit }),
            _ => Ok(()),
        }
    }

    pub(super) fn check(self, length: u64) -> Result<(), Error> {
        match self.exactly {
            Some(exactly) if exactly != length => Err(invalid(format!(
                "the file has {length} bytes instead of {exactly}"
            ))),
            _ => self.check_growing(length),
        }
    }
}

async fn note(upload: &mut Upload, form: &mut Multipart) -> Result<(), Error> {
    for bytes in form.arrived() {
        upload.note(bytes).await.map_err(failed)?;
    }
    Ok(())
}

impl Query {
    /// A signed query was judged with its signature.
    pub(super) fn of(head: &Parts, permit: Option<&Permit>) -> Result<Self, Error> {
        let mut query = Self::default();
        let text = head.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "sha256" if value.is_empty() => {}
                "sha256" => query.sha256 = Some(value.into_owned()),
                "tag" if is_tag(&value) => query.tag = value.into_owned(),
                "tag" => return Err(invalid(TAG)),
                _ if permit.is_some() => {}
                _ => {
                    let name = name.into_owned();
                    return Err(Error::UnknownParameter { name });
                }
            }
        }
        Ok(query)
    }
}

/// What a tag may be.
const TAG: &str = "a tag has up to 64 letters, digits and . _ : / -";

fn is_tag(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    text.len() <= 64 && text.bytes().all(is_allowed)
}

/// Whether a message is a form.
pub(super) fn is_form(fields: &HeaderMap) -> bool {
    fields
        .get(header::CONTENT_TYPE)
        .and_then(boundary)
        .is_some()
}

pub(super) fn content_type(fields: &HeaderMap) -> String {
    let named = fields.get(header::CONTENT_TYPE);
    // What curl says of every body that nobody named.
    let is_default =
        |value: &&HeaderValue| value.as_bytes() == b"application/x-www-form-urlencoded";
    media_type(named.filter(|value| !is_default(value)))
}

fn media_type(value: Option<&HeaderValue>) -> String {
    let text = value.and_then(|value| value.to_str().ok()).map(str::trim);
    let is_media_type = |text: &&str| text.len() <= 255 && text.contains('/');
    text.filter(is_media_type).unwrap_or(UNKNOWN).to_owned()
}

fn unreadable(error: InvalidMultipart) -> Error {
    match error {
        InvalidMultipart::Body(error) => broken(&*error),
        other => invalid(other.to_string()),
    }
}

pub(super) fn failed(error: UploadError) -> Error {
    match error {
        UploadError::NoRoom => Error::InsufficientStorage,
        other => {
            tracing::error!(
                error = &other as &dyn std::error::Error,
                "cannot keep an upload"
            );
            Error::StorageFailed {
                details: other.to_string(),
            }
        }
    }
}
