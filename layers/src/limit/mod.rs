//! Limits how many requests are served at once, streaming bodies included.
//!
//! [`tower::limit::ConcurrencyLimit`] counts a request until its response head is there. A download is
//! then only beginning: a thousand slow clients count as none. Here the request counts until its
//! response body was sent or dropped. Two more differences:
//!
//! - Nobody queues. One request too many fails at once with [`Overloaded`], which a server answers
//!   with 503 and `Retry-After` while it can still afford to (load shedding).
//! - All services of one [`LimitLayer`], and of its clones, share one limit; a layer that counts per
//!   connection limits nothing.
//!
//! A response head may be given a deadline with [`LimitLayer::with_head_deadline`]; a body never has
//! one, because how long a download may take depends on its size and on the client's line.
//!
//! A tunnel (`CONNECT`, `Upgrade`) stops counting at its response head: its bytes are no response body.
//!
//! [`tower::limit::ConcurrencyLimit`]: https://docs.rs/tower/latest/tower/limit/index.html
//!
//! # Example
//!
//! ```
//! use artifact_cache_layers::{body::Body, cause::is_caused_by, limit::{LimitLayer, Overloaded}};
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(LimitLayer::new(1))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Ok::<_, BoxError>(Response::new(Body::from("bytes of an artifact")))
//!     }));
//!
//! let download = service.clone().oneshot(Request::new(Body::empty())).await?;
//! let error = service.clone().oneshot(Request::new(Body::empty())).await.unwrap_err();
//! assert!(is_caused_by::<Overloaded>(&*error), "the first body is still on its way");
//!
//! drop(download);
//! assert!(service.oneshot(Request::new(Body::empty())).await.is_ok());
//! # Ok(())
//! # }
//! ```

mod error;
mod future;
mod layer;
mod places;
mod service;

pub use error::{HeadTimeout, Overloaded};
pub use future::ResponseFuture;
pub use layer::LimitLayer;
pub use service::Limit;
