//! Refuses requests that two parties could read differently, that are too large, or that came back to
//! us in a loop.
//!
//! A server library hands over what it can parse. A cache must be stricter: whatever it lets through
//! may be stored and shown to others, and a request that the next hop frames or addresses in another
//! way is an attack (request smuggling, cache poisoning). This layer checks the head alone and reads
//! no body. What it checks, in this order:
//!
//! - length of the request target, size of the head, number of fields ([`Limits`]);
//! - bytes of the request target;
//! - framing: `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.1, §6.3);
//! - `Host`: exactly one in HTTP/1.1, well formed; for a target with an authority it is replaced by
//!   that authority (RFC 9112 §3.2);
//! - `Expect` (RFC 9110 §10.1.1), `Via` (§7.6.3), `TRACE`, and `Max-Forwards` of `OPTIONS` (§7.6.2).
//!
//! A refusal is an [`InvalidRequest`]. When [`InvalidRequest::must_close`] says so, the answer needs
//! `Connection: close`, because nobody knows where the next request on that connection begins.
//!
//! Some faults cannot be seen from here. Control characters in fields are no matter: an
//! [`http::HeaderValue`] cannot hold them. But hyper 1.12 drops `Content-Length` when
//! `Transfer-Encoding` is there too (and closes the connection after the answer), and [`http::Uri`]
//! drops a fragment. What is left of such a request has one meaning, and that is the one acted on.
//!
//! # Example
//!
//! ```
//! use artifact_cache_layers::{body::Body, cause::cause_of};
//! use artifact_cache_layers::validate::{InvalidRequest, Limits, ValidateLayer};
//! use http::{Request, Response, StatusCode, header};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(ValidateLayer::new("cache-7").with_limits(Limits::default()))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Ok::<_, BoxError>(Response::new(Body::empty()))
//!     }));
//!
//! let request = Request::get("http://example.com/")
//!     .header(header::HOST, "example.com")
//!     .header(header::VIA, "1.1 cache-7")
//!     .body(Body::empty())?;
//! let error = service.oneshot(request).await.expect_err("it was here before");
//! let invalid = cause_of::<InvalidRequest>(&*error).expect("the reason is typed");
//! assert_eq!(invalid.status(), StatusCode::LOOP_DETECTED);
//! # Ok(())
//! # }
//! ```

mod error;
mod forwarding;
mod framing;
mod host;
mod layer;
mod limits;
mod service;
mod syntax;

pub use error::{HostFault, InvalidRequest};
pub use layer::ValidateLayer;
pub use limits::Limits;
pub use service::Validate;
