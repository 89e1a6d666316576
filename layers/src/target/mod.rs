//! Turns what a request line says into a [`Target`] that every layer inside reads.
//!
//! A request may name its resource in five ways, and only this layer knows them:
//!
//! | Request line | What it becomes |
//! |---|---|
//! | `GET /fetch?url=U&sha256=D&mode=spool` | [`Mode::Explicit`], pinned to `D` |
//! | `GET /fetch/https/host/path?query` | [`Mode::Explicit`], the URL byte for byte |
//! | `GET http://host/path` (RFC 9112 §3.2.2) | [`Mode::Forward`] |
//! | `GET /path` inside a tunnel, see [`Intercepted`] | [`Mode::Intercepted`] |
//! | `GET /mirror/<name>/path`, see [`Mirrors`] | [`Mode::Mirror`], below the name's base URL |
//! | anything else | passed on untouched: a local route, `CONNECT`, `OPTIONS *` |
//!
//! An absolute form that names one of our own listeners is a local request in other words; it is
//! rewritten to origin form first. A request that cannot be understood fails with
//! [`InvalidTarget`]; the layer never guesses which URL was meant.
//!
//! # Example
//!
//! ```
//! use artifact_cache_layers::{body::Body, extensions::{Mode, Target}, target::TargetLayer};
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(TargetLayer::new(["cache.example.com:8080".parse()?]))
//!     .service(service_fn(|request: Request<Body>| async move {
//!         let target = request.extensions().get::<Target>().expect("a fetch has a target");
//!         assert_eq!(target.mode, Mode::Explicit);
//!         Ok::<_, BoxError>(Response::new(Body::from(target.uri.to_string())))
//!     }));
//!
//! let request = Request::get("/fetch?url=https://Example.com:443/a%252Bb.tgz").body(Body::empty())?;
//! let response = service.oneshot(request).await?;
//! let body = http_body_util::BodyExt::collect(response.into_body()).await?.to_bytes();
//! assert_eq!(body, "https://example.com/a%2Bb.tgz");
//! # Ok(())
//! # }
//! ```
//!
//! [`Target`]: crate::extensions::Target
//! [`Mode::Explicit`]: crate::extensions::Mode::Explicit
//! [`Mode::Forward`]: crate::extensions::Mode::Forward
//! [`Mode::Mirror`]: crate::extensions::Mode::Mirror
//! [`Mode::Intercepted`]: crate::extensions::Mode::Intercepted

mod error;
mod explicit;
mod layer;
mod mirrors;
mod names;
mod parameters;
mod resolve;
mod service;

pub use error::{Fault, InvalidTarget};
pub use layer::TargetLayer;
pub use mirrors::{InvalidMirror, Mirrors};
pub use service::TargetService;

/// Says that a request came out of an intercepted tunnel, and where that tunnel was to lead.
///
/// The terminator of the tunnel sets it on every request that it reads there. The target is then
/// `https`, this authority and the request's path, whatever its `Host` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intercepted(pub http::uri::Authority);
