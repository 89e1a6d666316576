//! Managing what is stored: why it is there (`why`), what went (`evictions`), what must stay (`pins`),
//! what shall go (`purge`, `gc`). A layer before the other local routes, because some of these read a
//! body. Who may ask is decided before: reading needs `admin:read`, everything else `admin:write`.

mod describe;
mod gc;
mod listing;
mod log;
mod misses;
mod pins;
mod purge;
mod subject;
mod tags;
mod why;

use std::sync::Arc;

use arc_swap::ArcSwap;
use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Request, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

pub(super) use describe::operations;

use super::{
    ApiError, answer, json,
    routed::{Routed, Routes},
    template::{captures, first},
};
use crate::{artifact::misses::Misses, config::Config, error::Error, store::Store};

/// The routes.
#[derive(Clone)]
pub struct Manage {
    store: Store,
    /// What was asked for while no origin might be asked.
    misses: Arc<Misses>,
    config: Arc<ArcSwap<Config>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Why,
    Evictions,
    Pins,
    Purge,
    Gc,
    Misses,
    Tags,
    Tag,
}

impl Manage {
    /// The routes over `store`, and what was asked for in vain.
    #[must_use]
    pub const fn new(store: Store, misses: Arc<Misses>, config: Arc<ArcSwap<Config>>) -> Self {
        Self {
            store,
            misses,
            config,
        }
    }

    /// These in front of `inner`.
    pub const fn before<S>(self, inner: S) -> Routed<Self, S> {
        Routed::new(self, inner)
    }
}

/// Every route, by its path.
const TABLE: [(&str, Route); 8] = [
    ("/api/v1/why", Route::Why),
    ("/api/v1/evictions", Route::Evictions),
    ("/api/v1/pins", Route::Pins),
    ("/api/v1/purge", Route::Purge),
    ("/api/v1/gc", Route::Gc),
    ("/api/v1/misses", Route::Misses),
    ("/api/v1/tags", Route::Tags),
    ("/api/v1/tags/{name}", Route::Tag),
];

/// The route of a path, with what stands in the place of its template.
fn route(path: &str) -> Option<(Route, &str)> {
    let mut routes = TABLE.iter();
    routes.find_map(|(template, route)| {
        let found = captures(template, path)?;
        Some((*route, first(&found).unwrap_or_default()))
    })
}

/// Every path with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|(path, route)| (*path, route.methods()))
}

impl Route {
    const fn methods(self) -> &'static str {
        match self {
            Self::Why | Self::Evictions | Self::Tags => "GET, HEAD",
            Self::Pins => "GET, HEAD, POST, DELETE",
            Self::Purge | Self::Gc => "POST",
            Self::Misses => "GET, HEAD, DELETE",
            Self::Tag => "PUT, DELETE",
        }
    }
}

impl Routes for Manage {
    fn is_own(&self, path: &str) -> bool {
        route(path).is_some()
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let store = &self.store;
        let (head, body) = request.into_parts();
        let Some((route, name)) = route(head.uri.path()) else {
            return Err(ApiError::NoRoute.into());
        };
        let query = head.uri.query().unwrap_or_default();
        let is_head = head.method == Method::HEAD;
        let method = if is_head { Method::GET } else { head.method };
        let response = match (route, method) {
            (Route::Why, Method::GET) => why::show(store, query).await,
            (Route::Evictions, Method::GET) => log::list(store, query).await,
            (Route::Pins, Method::GET) => pins::list(store),
            (Route::Pins, Method::POST) => pins::add(store, body).await,
            (Route::Pins, Method::DELETE) => pins::remove(store, query).await,
            (Route::Purge, Method::POST) => purge::purge(store, body).await,
            (Route::Gc, Method::POST) => gc::collect(store, body).await,
            (Route::Misses, Method::GET) => misses::list(&self, query).await,
            (Route::Misses, Method::DELETE) => misses::clear(&self, query),
            (Route::Tags, Method::GET) => tags::list(store, query),
            (Route::Tag, Method::PUT) => tags::put(store, name, body).await,
            (Route::Tag, Method::DELETE) => tags::remove(store, name, query).await,
            _ => Err(ApiError::MethodNotAllowed(route.methods()).into()),
        };
        response.map(|response| {
            if is_head {
                answer::without_body(response)
            } else {
                response
            }
        })
    }
}

/// A document of a client.
async fn document<T: DeserializeOwned>(body: Body) -> Result<T, BoxError> {
    let bytes = json::read(body, MAX_DOCUMENT).await?;
    // Nothing at all stands for a document without fields.
    let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
    serde_json::from_slice(bytes).map_err(|error| invalid("body", &error.to_string()))
}

/// Largest document: a purge may name thousands of URLs.
const MAX_DOCUMENT: u64 = 4 << 20;

fn invalid(parameter: &'static str, reason: &str) -> BoxError {
    let reason = reason.to_owned();
    Error::UnprocessableParameter { parameter, reason }.into()
}

fn ok(value: &impl Serialize) -> Result<Response<Body>, BoxError> {
    Ok(answer::json(StatusCode::OK, value)?)
}

/// Work that may block or take long; it goes on to its end even when the client leaves.
async fn off_thread<T: Send + 'static, E: Into<BoxError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, BoxError> {
    let done = tokio::task::spawn_blocking(work).await?;
    done.map_err(|error| ApiError::Internal(error.into()).into())
}
