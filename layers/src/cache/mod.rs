//! Answers requests from a store: by RFC 9111 when they are forwarded, by archive rules when they name
//! their URL explicitly.
//!
//! A request carries its [`Target`](crate::extensions::Target) (the `target` layer sets it). What is
//! not stored is asked of the service inside, usually `collapse` over `tee`, which puts bodies into the
//! store and hands back a [`Shared`](crate::share::Shared) answer. What was decided is said in
//! `Cache-Status` (RFC 9211).
//!
#![cfg_attr(feature = "tee", doc = "```")]
#![cfg_attr(not(feature = "tee"), doc = "```ignore")]
//! use artifact_cache_layers::{
//!     body::{Body, BoxError},
//!     cache::{CacheLayer, Rules},
//!     memory::{MemoryStore, get},
//!     tee::TeeLayer,
//! };
//! use http::{Request, Response};
//! use http_body_util::BodyExt as _;
//! use tower::{Service as _, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
//! let origin = service_fn(async |_: Request<Body>| {
//!     Response::builder().header("cache-control", "max-age=60").body(Body::from("artifact"))
//! });
//! let store = MemoryStore::default();
//! let mut service = ServiceBuilder::new()
//!     .layer(CacheLayer::new(store.clone(), Rules::default()))
//!     .layer(TeeLayer::new(store))
//!     .service(origin);
//!
//! for expected in ["artifact-cache; fwd=uri-miss; fwd-status=200; stored", "artifact-cache; hit; ttl="] {
//!     let response = service.ready().await?.call(get("http://example.com/artifact")?).await?;
//!     assert!(response.headers()["cache-status"].to_str()?.starts_with(expected));
//!     assert_eq!(response.into_body().collect().await?.to_bytes(), "artifact");
//! }
//! # Ok(()) }
//! ```

mod answer;
mod archive;
mod exchange;
mod forward;
mod multipart;
mod negative;
mod repeat;
mod rules;
mod service;
mod status;
mod store;

use std::{fmt, sync::Arc};

use http::{StatusCode, response};

use self::negative::Negative;
pub use self::{
    rules::{Alias, Archive, Rules, Task},
    service::Cache,
    store::{Content, Part, Pinned, Store, Stored, StoredSet},
};
use crate::{
    body::BoxError,
    extensions::Explained,
    semantics::{cache_status::CacheStatus, reuse::ForwardReason, target_uri::TargetUri},
    share::NotKept,
};

/// Where the rules come from, asked for each request, so that they can change while requests run.
type Source = Arc<dyn Fn() -> Arc<Rules> + Send + Sync>;

/// Makes [`Cache`] services, which share what they remember of recent failures.
#[derive(Clone)]
pub struct CacheLayer<T> {
    store: T,
    rules: Source,
    negative: Negative,
}

impl<T> CacheLayer<T> {
    /// Answers from `store` by fixed `rules`.
    pub fn new(store: T, rules: Rules) -> Self {
        let rules = Arc::new(rules);
        Self::with_rules(store, move || rules.clone())
    }

    /// Answers from `store` by the rules in force when a request arrives.
    pub fn with_rules(store: T, rules: impl Fn() -> Arc<Rules> + Send + Sync + 'static) -> Self {
        Self {
            store,
            rules: Arc::new(rules),
            negative: Negative::default(),
        }
    }
}

impl<S, T: Clone> tower_layer::Layer<S> for CacheLayer<T> {
    type Service = Cache<S, T>;

    fn layer(&self, inner: S) -> Cache<S, T> {
        Cache::new(
            inner,
            self.store.clone(),
            self.rules.clone(),
            self.negative.clone(),
        )
    }
}

/// What is said of an answer that went past the store.
fn forwarded(reason: ForwardReason, response: &response::Parts) -> CacheStatus {
    let how = CacheStatus::forward(reason).fwd_status(response.status);
    match response.extensions.get::<NotKept>() {
        Some(NotKept(why)) => how.detail(why),
        None => how,
    }
}

/// A request could not be answered; the cause says why.
#[derive(Debug)]
pub struct Unanswered {
    /// What was asked for.
    pub uri: TargetUri,
    source: BoxError,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot answer for {}", self.uri)
    }
}

impl std::error::Error for Unanswered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Nothing stored answers the request, and `only-if-cached` forbids to ask (RFC 9111 §5.2.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlyIfCached;

/// The origin answered an explicit request with something else than the artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFetched {
    /// The origin's status.
    pub status: StatusCode,
    /// What the origin says is wrong, where it does so in a form that is understood.
    pub explained: Option<Explained>,
}

impl fmt::Display for OnlyIfCached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the artifact is not stored, and the request forbids to ask the origin")
    }
}

impl fmt::Display for NotFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the origin answered with status {}",
            self.status.as_u16()
        )
    }
}

impl std::error::Error for OnlyIfCached {}
impl std::error::Error for NotFetched {}
