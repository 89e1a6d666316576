//! [Tower](https://docs.rs/tower) layers for HTTP caches and proxies, each of use alone.
//!
//! A cache for downloads is a stack: each layer does one thing to a request on its way in, and to the
//! response on its way out. None knows another; what they hand each other is a plain value on the
//! message ([`extensions`]), and all speak one [`body::Body`].
//!
//! ```text
//!  request                                                            response
//!     │  record    tells how each request ended, to its last byte        ▲
//!     │  recall    gives again what was given a moment ago               │
//!     │  rescue    turns errors and panics into responses                │
//!     │  limit     sheds load; a download counts until its end           │
//!     │  validate  refuses what two parties could read differently       │
//!     │  target    says which URL is meant, and how it was asked for     │
//!     │  egress    refuses what must not be reached from here            │
//!     │  cache     reuses, validates or forwards (RFC 9111)              │
//!     │  collapse  lets one request fetch what many ask for              │
//!     │  tee       stores while it streams, and knows the digest         │
//!     │  ranges    asks for a large body in several pieces at a time
//!     │  hop       ends hop-by-hop fields, signs with Via                │
//!     ▼  sigv4     signs requests to S3, at the very last                │
//!                          the origin's client
//! ```
//!
//! A layer is generic over the service inside, takes policy as a value or a trait, and fails with a
//! small typed error in a box; [`cause::cause_of`] finds it again. The rules of the RFCs are in
//! `semantics`, as functions without I/O, clock or tower.
//!
//! # Features
//!
//! None is on by default. Each layer has a feature of its name, `full` has all of them, and
//! `semantics` the rules alone.
//!
//! # Example
//!
//! A proxy's way in, as far as the cache. `examples/edge.rs` shows it answering.
//!
#![cfg_attr(feature = "full", doc = "```")]
#![cfg_attr(not(feature = "full"), doc = "```ignore")]
//! use std::{convert::Infallible, error::Error};
//! use artifact_cache_layers::{
//!     body::{Body, BoxError}, cause::cause_of, egress::{Denied, EgressLayer, EgressPolicy},
//!     extensions::Target, limit::LimitLayer, rescue::RescueLayer, target::TargetLayer,
//!     validate::ValidateLayer,
//! };
//! use http::{Request, Response, StatusCode, header::HOST};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! fn respond(error: &(dyn Error + 'static)) -> Response<Body> {
//!     let mut response = Response::new(Body::from(error.to_string()));
//!     *response.status_mut() = match cause_of::<Denied>(error) {
//!         Some(_) => StatusCode::FORBIDDEN,
//!         None => StatusCode::BAD_REQUEST,
//!     };
//!     response
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let edge = ServiceBuilder::new()
//!     .layer(RescueLayer::new(respond))
//!     .layer(LimitLayer::new(4096))
//!     .layer(ValidateLayer::new("cache-7"))
//!     .layer(TargetLayer::new(["cache.example.com:8080".parse()?]))
//!     .layer(EgressLayer::new(EgressPolicy::default()))
//!     .service(service_fn(|request: Request<Body>| async move {
//!         let target = request.extensions().get::<Target>().map(|target| target.uri.to_string());
//!         Ok::<_, Infallible>(Response::new(Body::from(target.unwrap_or_default())))
//!     }));
//!
//! for (uri, status) in [
//!     ("/fetch?url=https://example.com/a.tgz", StatusCode::OK),
//!     ("http://example.com/a.tgz", StatusCode::OK),
//!     ("/fetch?url=http://169.254.169.254/latest/", StatusCode::FORBIDDEN),
//!     ("/fetch", StatusCode::BAD_REQUEST),
//! ] {
//!     let request = Request::get(uri).header(HOST, "cache.example.com:8080").body(Body::empty())?;
//!     let Ok(response) = edge.clone().oneshot(request).await;
//!     assert_eq!(response.status(), status, "{uri}");
//! }
//! # Ok(())
//! # }
//! ```

pub mod body;
pub mod cause;
pub mod digest;
pub mod extensions;
pub mod failure;
pub mod guarded;
#[cfg(feature = "semantics")]
pub mod share;
pub mod verify;

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "collapse")]
pub mod collapse;
#[cfg(feature = "egress")]
pub mod egress;
#[cfg(feature = "hop")]
pub mod hop;
#[cfg(feature = "limit")]
pub mod limit;
#[cfg(all(feature = "cache", feature = "tee"))]
pub mod memory;
#[cfg(feature = "ranges")]
pub mod ranges;
#[cfg(feature = "recall")]
pub mod recall;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "rescue")]
pub mod rescue;
#[cfg(feature = "semantics")]
pub mod semantics;
#[cfg(feature = "sigv4")]
pub mod sigv4;
#[cfg(feature = "target")]
pub mod target;
#[cfg(feature = "tee")]
pub mod tee;
#[cfg(feature = "validate")]
pub mod validate;
