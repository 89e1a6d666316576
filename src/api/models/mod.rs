//! The registry of models over HTTP: register, find, measure, promote, and read the audit trail. What a
//! request changes is decided by `artifact::model`, and written by the catalog's one writer; here are
//! keys, forms and limits. Its own answers to failures, because browsers may read them too (`cors`).

mod after;
mod answer;
mod auth;
mod body;
mod bytes;
mod change;
mod cors;
mod description;
mod form;
mod list;
mod local;
mod read;
mod record;
mod requests;
mod route;
mod settings;

use std::{net::IpAddr, sync::Arc};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Peer,
};
use http::{Method, Request, Response, request::Parts};

pub(super) use self::description::operations;
#[cfg(test)]
pub(super) use self::route::known;
pub use self::{
    after::{After, Telling},
    auth::Actor,
    route::is_registry,
};
use super::{answer::without_body, internal::Internal};
use crate::{
    catalog::{Catalog, CatalogError},
    config::Config,
    error::Error,
    respond::{Form, respond},
    store::Store,
};

/// What the routes of the registry stand on.
#[derive(Clone)]
pub struct Registry {
    /// Where models and events are.
    pub catalog: Catalog,
    /// Where the bytes of models are.
    pub store: Store,
    /// The settings in force.
    pub config: Arc<Config>,
    /// The shared cache, for the bytes of models.
    pub cache: Option<Internal>,
    /// What follows a change.
    pub after: After,
}

/// A request without its body.
struct Asked<'a> {
    registry: &'a Registry,
    head: Parts,
    peer: Option<IpAddr>,
}

impl Registry {
    /// Answers a request for one of the registry's paths, whatever comes of it; only a failure on the
    /// way to bytes is left to others.
    pub async fn serve(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let form = Form::local(&request);
        let is_head = request.method() == Method::HEAD;
        let origins = cors::Origins::of(&self.config.registry, request.headers());
        let answered = match origins.preflight(&request) {
            Some(answer) => answer.map_err(BoxError::from),
            None => self.answer(request).await,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => match error.downcast::<Error>() {
                Ok(error) => refused(&error, &form),
                Err(error) => return Err(error),
            },
        };
        if is_head {
            response = without_body(response);
        }
        origins.allow(&mut response);
        Ok(response)
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let wanted = route::route(request.uri().path());
        let wanted = wanted.filter(|route| bytes::is_wanted(route, request.method()));
        let Some(route) = wanted else {
            return Ok(self.route(request).await?);
        };
        auth::authorize(&self.config, &request)?;
        self.bytes(&route, request.into_parts().0).await
    }

    async fn route(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let path = request.uri().path().to_owned();
        let route = route::route(&path).ok_or(Error::NotFound)?;
        let method = request.method().clone();
        if !route.takes(&method) {
            let allow = route.methods();
            return Err(Error::MethodNotAllowed { allow });
        }
        if let Some(answer) = route.public() {
            return answer;
        }
        let actor = auth::authorize(&self.config, &request)?;
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let registry = self;
        let asked = Asked {
            registry,
            head,
            peer,
        };
        match method {
            Method::GET | Method::HEAD => asked.read(&route).await,
            _ => asked.change(&route, actor, body).await,
        }
    }
}

/// A failure of ours is logged here: its client reads no particulars.
fn refused(error: &Error, form: &Form) -> Response<Body> {
    if error.status().is_server_error() {
        tracing::warn!(%error, request_id = form.request_id, "a request to the registry failed");
    }
    respond(error, form)
}

/// What a failure of the catalog is to a client.
fn failed(error: CatalogError) -> Error {
    match error {
        CatalogError::Busy => Error::Overloaded {
            retry_after: std::time::Duration::from_secs(1),
        },
        error if error.is_full() => Error::InsufficientStorage,
        error => Error::internal(&error),
    }
}

/// Reads of the catalog that may walk far run off the async threads.
async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(failed),
        Err(error) => Err(Error::internal(&error)),
    }
}
