//! One request to the origin for any number of concurrent requests with the same cache key.
//!
//! The first request leads; its request to the origin runs in a task of its own, so that it goes on
//! when the client is gone. The others wait for the head of the answer, then share the body
//! ([`Share`](crate::share::Share)) from its first byte, or ask for themselves when the answer turns
//! out to be for the leader alone. A flight is joinable until its body is complete.
//!
#![cfg_attr(all(feature = "cache", feature = "tee"), doc = "```")]
#![cfg_attr(not(all(feature = "cache", feature = "tee")), doc = "```ignore")]
//! use artifact_cache_layers::{
//!     body::{Body, BoxError},
//!     collapse::{CollapseLayer, Flights},
//!     memory::{MemoryStore, get},
//!     tee::TeeLayer,
//! };
//! use http::{Request, Response, StatusCode};
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! use tower::{Service as _, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
//! static ASKED: AtomicU32 = AtomicU32::new(0);
//! let origin = service_fn(async |_: Request<Body>| {
//!     ASKED.fetch_add(1, Relaxed);
//!     Response::builder().header("cache-control", "max-age=60").body(Body::from("artifact"))
//! });
//! let mut service = ServiceBuilder::new()
//!     .layer(CollapseLayer::new(Flights::new(|task| drop(tokio::spawn(task)))))
//!     .layer(TeeLayer::new(MemoryStore::default()))
//!     .service(origin);
//!
//! let first = service.ready().await?.call(get("http://example.com/artifact")?);
//! let second = service.ready().await?.call(get("http://example.com/artifact")?);
//! let (first, second) = tokio::try_join!(first, second)?;
//! assert_eq!((first.status(), second.status(), ASKED.load(Relaxed)), (StatusCode::OK, StatusCode::OK, 1));
//! # Ok(()) }
//! ```

mod flight;
mod service;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::Request;

pub use self::service::Collapse;
use crate::body::Body;

/// A task that must run to its end although the request that caused it may be gone.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Says whether an answer to a request was stored since the request was found to be a miss.
type Recheck = dyn Fn(&Request<Body>) -> bool + Send + Sync;

/// The requests that are under way. Clones share them.
#[derive(Clone)]
pub struct Flights {
    table: flight::Table,
    spawn: Arc<dyn Fn(Task) + Send + Sync>,
    superseded: Option<Arc<Recheck>>,
}

impl Flights {
    /// No flights yet; their tasks are given to `spawn`, whose owner waits for them.
    pub fn new(spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        Self {
            table: flight::Table::new(),
            spawn: Arc::new(spawn),
            superseded: None,
        }
    }

    /// A request that is about to lead fails with
    /// [`Superseded`](crate::failure::Superseded) when `superseded` says that an answer
    /// was stored after the request was found to be a miss: between the two the earlier flight landed.
    #[must_use]
    pub fn with_recheck(
        mut self,
        superseded: impl Fn(&Request<Body>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.superseded = Some(Arc::new(superseded));
        self
    }

    fn is_superseded(&self, request: &Request<Body>) -> bool {
        self.superseded
            .as_ref()
            .is_some_and(|superseded| superseded(request))
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

/// Makes [`Collapse`] services.
#[derive(Clone, Debug)]
pub struct CollapseLayer {
    flights: Flights,
}

impl CollapseLayer {
    /// Shares the answers of `flights`.
    #[must_use]
    pub fn new(flights: Flights) -> Self {
        Self { flights }
    }
}

impl<S> tower_layer::Layer<S> for CollapseLayer {
    type Service = Collapse<S>;

    fn layer(&self, inner: S) -> Collapse<S> {
        Collapse::new(inner, self.flights.clone())
    }
}

/// The task that asked the origin ended without an answer, as at shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderGone;

impl fmt::Display for LeaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request to the origin was given up")
    }
}

impl std::error::Error for LeaderGone {}
