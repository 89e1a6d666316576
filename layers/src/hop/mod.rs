//! Takes off what concerns one connection only, and signs with `Via` (RFC 9110 §7.6).
//!
//! Some fields speak to the next hop and not to the recipient: `Connection` and every field it names,
//! `Keep-Alive`, `TE`, `Transfer-Encoding`, `Upgrade`, the `Proxy-…` family. A cache that passes them
//! on, or stores them, lets one client steer the connection of another. This layer stands next to the
//! client that sends upstream, so that nothing inside ever sees them in a response.
//!
//! `Via` goes on every response, and on requests that are forwarded ([`Mode::Forward`],
//! [`Mode::Intercepted`], or without a [`Target`]). A fetch that we make for ourselves is a new request
//! and has come through nobody.
//!
//! # Example
//!
//! ```
//! use artifact_cache_layers::{body::Body, hop::HopLayer};
//! use http::{Request, Response, header};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(HopLayer::new("cache-7".parse()?))
//!     .service(service_fn(|request: Request<Body>| async move {
//!         assert!(!request.headers().contains_key(header::PROXY_AUTHORIZATION));
//!         assert!(!request.headers().contains_key("x-debug"));
//!         assert_eq!(request.headers()[header::VIA], "1.1 cache-7");
//!         Ok::<_, BoxError>(Response::builder().header("keep-alive", "timeout=5").body(Body::empty())?)
//!     }));
//!
//! let request = Request::get("http://example.com/")
//!     .header(header::CONNECTION, "x-debug")
//!     .header("x-debug", "1")
//!     .header(header::PROXY_AUTHORIZATION, "Basic c2VjcmV0")
//!     .body(Body::empty())?;
//! let response = service.oneshot(request).await?;
//! assert!(!response.headers().contains_key("keep-alive"));
//! assert_eq!(response.headers()[header::VIA], "1.1 cache-7");
//! # Ok(())
//! # }
//! ```
//!
//! [`Mode::Forward`]: crate::extensions::Mode::Forward
//! [`Mode::Intercepted`]: crate::extensions::Mode::Intercepted
//! [`Target`]: crate::extensions::Target

mod future;
mod layer;
mod pseudonym;
mod service;

pub use future::ResponseFuture;
pub use layer::HopLayer;
pub use pseudonym::{InvalidPseudonym, Pseudonym};
pub use service::Hop;
