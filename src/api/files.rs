//! `/files`: uploads, which are private, and the pointers of runs and tokenizers to them. No other door
//! gives these bytes out.

mod describe;
mod digests;
mod fields;
mod keys;
mod multipart;
mod pointers;
mod resumable;
mod retention;
mod route;
mod serve;
mod sign;
mod signing;
mod upload;

use std::sync::Arc;

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
};
use http::{Method, Request, Response, StatusCode, Uri, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;
use tower::Layer;

pub(super) use self::describe::operations;
#[cfg(test)]
pub(super) use self::route::known;
use self::{
    keys::Scope,
    route::Route,
    sign::{Permit, Signature, Signer},
};
use super::{
    answer,
    routed::{Routed, Routes},
    timestamp::rfc3339,
};
use crate::{
    artifact::file::File,
    catalog::FileChange,
    config::Config,
    error::Error,
    store::{Store, upload::UploadError},
};

/// Answers the routes of files and pointers and leaves every other path to the service inside.
#[derive(Clone)]
pub struct FilesLayer(Files);

/// What the routes of files work with. Clones share it.
#[derive(Clone)]
pub struct Files {
    store: Store,
    config: Arc<ArcSwap<Config>>,
    signer: Signer,
}

/// What a client is told of a file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "File")]
struct Info {
    file_id: String,
    size: u64,
    sha256: String,
    content_type: String,
    created_at: String,
}

impl FilesLayer {
    /// Keeps files in `store`.
    #[must_use]
    pub fn new(store: Store, config: Arc<ArcSwap<Config>>) -> Self {
        let signer = Signer::new(&config.load().files.signing_key);
        Self(Files {
            store,
            config,
            signer,
        })
    }
}

impl Files {
    async fn respond(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let route = route::route(head.uri.path()).ok_or(Error::NotFound)?;
        match (head.method.as_str(), &route) {
            ("POST", Route::Files) => self.create(&head, body).await,
            ("HEAD" | "PATCH" | "DELETE", Route::Upload(id)) => self.parts(id, &head, body).await,
            ("GET" | "HEAD", Route::Find(prefix)) => self.find(prefix, &head),
            ("POST", Route::Expire) => self.expire(&head, body).await,
            ("POST", Route::Sign) => self.sign(&head, body).await,
            ("GET" | "HEAD", Route::File(id)) => self.show(id, &head).await,
            ("DELETE", Route::File(id)) => self.remove(id, &head).await,
            ("GET" | "HEAD", Route::Info(id)) => self.info(id, &head),
            (_, Route::Pointer(name)) => self.pointer(&name.clone()?, &head, body).await,
            (_, Route::History(name)) => self.history(&name.clone()?, &head),
            _ => Err(Error::MethodNotAllowed {
                allow: route.methods(),
            }
            .into()),
        }
    }

    async fn create(&self, head: &Parts, body: Body) -> Result<Response<Body>, BoxError> {
        let permit = self.permit(Scope::Upload, head)?;
        if fields::begins_parts(&head.headers)? {
            return self.begin_parts(head, body, permit).await;
        }
        let file = self.upload(head, body, permit).await?;
        Self::created(&file)
    }

    async fn show(&self, id: &str, head: &Parts) -> Result<Response<Body>, BoxError> {
        self.permit(Scope::Read, head)?;
        let file = self.file(id)?;
        let blob = self.store.open_file(&file).await;
        if let Ok(Some(blob)) = blob {
            return Ok(serve::serve(&head.method, &head.headers, &file, blob)?);
        }
        self.lost(&file.digest).await?;
        Err(absent(id).into())
    }

    /// Nobody can fetch it again: what is damaged is forgotten, so that it can be uploaded again.
    async fn lost(&self, digest: &Sha256) -> Result<(), BoxError> {
        if self.store.committer().recheck(*digest).await? {
            tracing::error!(sha256 = %digest, "an uploaded file is gone or damaged");
        }
        Ok(())
    }

    fn info(&self, id: &str, head: &Parts) -> Result<Response<Body>, BoxError> {
        self.permit(Scope::Read, head)?;
        let response = answer::json(StatusCode::OK, &Info::of(&self.file(id)?))?;
        Ok(if head.method == Method::HEAD {
            answer::without_body(response)
        } else {
            response
        })
    }

    async fn remove(&self, id: &str, head: &Parts) -> Result<Response<Body>, BoxError> {
        self.permit(Scope::Delete, head)?;
        let is_protected = self.config.load().files.protect_pointed;
        let force = is_forced(&head.uri)? || !is_protected;
        let digest = file_id(id)?;
        let change = match digest {
            Some(digest) => self.store.delete_file(digest, force).await,
            None => Ok(FileChange::Absent),
        };
        match change.map_err(|error| Error::internal(&error))? {
            FileChange::PointedTo(name) => {
                let message =
                    format!("{name} points to this file; force=1 removes it all the same");
                Err(Error::Conflict { message }.into())
            }
            FileChange::Absent if self.config.load().files.delete_strict_404 => {
                Err(absent(id).into())
            }
            FileChange::Absent => Ok(answer::no_content()),
            FileChange::Done => {
                tracing::info!(file_id = id, "file removed");
                Ok(answer::no_content())
            }
        }
    }

    fn file(&self, id: &str) -> Result<File, Error> {
        let digest = file_id(id)?.ok_or_else(|| absent(id))?;
        let file = self.store.catalog().file(&digest);
        let file = file.map_err(|error| Error::internal(&error))?;
        file.ok_or_else(|| absent(id))
    }

    /// Whether a request may be made: by a signature, which it returns, by a token or by a key.
    fn permit(&self, scope: Scope, request: &Parts) -> Result<Option<Permit>, Error> {
        let now = self.store.clock().now();
        match self.signer.verify(scope, &request.uri, now) {
            Signature::Valid(permit) => Ok(Some(permit)),
            Signature::Invalid => Err(Error::Forbidden {
                reason: "the signature is not valid for this request, or has expired".into(),
            }),
            Signature::None => keys::permit(&self.config.load(), scope, request).map(|()| None),
        }
    }
}

impl Info {
    fn of(file: &File) -> Self {
        let digest = file.digest.to_string();
        Self {
            file_id: digest.clone(),
            size: file.size_bytes,
            sha256: digest,
            content_type: file.content_type.clone(),
            created_at: rfc3339(file.created_at),
        }
    }
}

/// The digest that an id is; `None` for one that could be but is too short.
fn file_id(id: &str) -> Result<Option<Sha256>, Error> {
    let is_id = (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(invalid("file_id must be 4 to 64 hex characters"));
    }
    Ok(id.parse().ok())
}

/// Whether the query says `force=1`; nothing else may stand there.
fn is_forced(uri: &Uri) -> Result<bool, Error> {
    match uri.query() {
        None | Some("" | "force=0" | "force=false") => Ok(false),
        Some("force=1" | "force=true") => Ok(true),
        Some(other) => {
            let name = other.split('=').next().unwrap_or_default().to_owned();
            Err(Error::UnknownParameter { name })
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    let message = message.into();
    Error::InvalidInput { message }
}

fn absent(id: &str) -> Error {
    let message = format!("file {id} not found");
    Error::Absent { message }
}

/// A request body that did not come to its end.
fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    tracing::debug!(error, "an upload broke off");
    invalid("the request body broke off before its end")
}

impl From<UploadError> for Error {
    fn from(error: UploadError) -> Self {
        Self::internal(&error)
    }
}

/// Whether a path is one of files or pointers.
pub(super) fn is_own(path: &str) -> bool {
    route::route(path).is_some()
}

impl<S> Layer<S> for FilesLayer {
    type Service = Routed<Files, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Routed::new(self.0.clone(), inner)
    }
}

impl Routes for Files {
    fn is_own(&self, path: &str) -> bool {
        is_own(path)
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.respond(request).await
    }
}
