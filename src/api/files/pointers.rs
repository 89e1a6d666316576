//! `/runs/{id}/artifact` and `/tokenizers/{id}/artifact`: which file a run produced. A pointer keeps its
//! file wanted.

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
};
use http::{Method, Response, StatusCode, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Files, file_id, is_forced, keys::Scope};
use crate::{
    api::{
        answer,
        json::{self, Fields},
        timestamp::rfc3339,
    },
    artifact::file::PointerName,
    catalog::FileChange,
    error::Error,
};

/// The one place where files of pointers are.
const STORAGE: &str = "data-bank";

/// Which file a run or tokenizer produced.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Pointer {
    #[schemars(extend("const" = STORAGE))]
    storage: &'static str,
    /// An uploaded file.
    file_id: String,
}

/// Which files it pointed to, newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PointerHistory")]
pub(super) struct History {
    items: Vec<Past>,
}

/// Since when it pointed to a file.
#[derive(Serialize, JsonSchema)]
struct Past {
    file_id: String,
    since: String,
}

impl Files {
    pub(super) async fn pointer(
        &self,
        name: &PointerName,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, BoxError> {
        let scope = match head.method {
            Method::GET | Method::HEAD => Scope::Read,
            Method::PUT => Scope::Upload,
            Method::DELETE => Scope::Delete,
            _ => {
                let allow = "GET, HEAD, PUT, DELETE";
                return Err(Error::MethodNotAllowed { allow }.into());
            }
        };
        self.permit(scope, head)?;
        match scope {
            Scope::Read => self.show_pointer(name, &head.method),
            Scope::Upload => self.set_pointer(name, is_forced(&head.uri)?, body).await,
            Scope::Delete => self.remove_pointer(name).await,
        }
    }

    fn show_pointer(
        &self,
        name: &PointerName,
        method: &Method,
    ) -> Result<Response<Body>, BoxError> {
        let pointer = self.store.catalog().pointer(name)?;
        shown(&pointer.ok_or(Error::PointerNotFound)?.file, method)
    }

    async fn set_pointer(
        &self,
        name: &PointerName,
        force: bool,
        body: Body,
    ) -> Result<Response<Body>, BoxError> {
        let document = json::read(body, json::MAX_JSON).await?;
        let file = pointed_to(&document)?;
        if self.store.point(name, file, force).await? == FileChange::Absent {
            let message = format!("file {file} does not exist; force=1 points to it all the same");
            return Err(Error::Conflict { message }.into());
        }
        tracing::info!(pointer = %name, file_id = %file, "pointer set");
        shown(&file, &Method::PUT)
    }

    async fn remove_pointer(&self, name: &PointerName) -> Result<Response<Body>, BoxError> {
        let is_absent = self.store.unpoint(name).await? == FileChange::Absent;
        if is_absent && self.config.load().files.delete_strict_404 {
            return Err(Error::PointerNotFound.into());
        }
        if !is_absent {
            tracing::info!(pointer = %name, "pointer removed");
        }
        Ok(answer::no_content())
    }

    /// Where a pointer led, newest first, its present file included.
    pub(super) fn history(
        &self,
        name: &PointerName,
        head: &Parts,
    ) -> Result<Response<Body>, BoxError> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(Error::MethodNotAllowed { allow: "GET, HEAD" }.into());
        }
        self.permit(Scope::Read, head)?;
        let pointer = self.store.catalog().pointer(name)?;
        let pointer = pointer.ok_or(Error::PointerNotFound)?;
        let present = std::iter::once((pointer.file, pointer.since));
        let items = present.chain(pointer.history).map(|(file, since)| Past {
            file_id: file.to_string(),
            since: rfc3339(since),
        });
        let items: Vec<_> = items.collect();
        Ok(answer::json(StatusCode::OK, &History { items })?)
    }
}

fn shown(file: &Sha256, method: &Method) -> Result<Response<Body>, BoxError> {
    let shown = Pointer {
        storage: STORAGE,
        file_id: file.to_string(),
    };
    let response = answer::json(StatusCode::OK, &shown)?;
    Ok(if *method == Method::HEAD {
        answer::without_body(response)
    } else {
        response
    })
}

/// The file in the document of a pointer, which has exactly two fields.
fn pointed_to(document: &[u8]) -> Result<Sha256, Error> {
    let mut fields = Fields::parse(document)?;
    let (storage, id) = (fields.text("storage"), fields.text("file_id"));
    if !storage.is_empty() && storage != STORAGE {
        let message = "Input should be 'data-bank'";
        fields.problem("literal_error", "storage", message, Value::from(storage));
    }
    fields.finish()?;
    file_id(&id)?.ok_or_else(|| Error::Conflict {
        message: format!("file {id} does not exist"),
    })
}
