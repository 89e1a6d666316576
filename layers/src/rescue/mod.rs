//! Turns what went wrong inside into a response, in one place.
//!
//! The layers inside fail with many small error types, boxed on their way out; outside this layer
//! there are only responses. Which response answers which error is the product's decision: it gives a
//! function from the error to a response, or implements [`Respond`] where the answer depends on the
//! request too. [`cause_of`](crate::cause::cause_of) finds a typed error in the box.
//!
//! A panic of the service is an error like others, [`Panicked`]. Its text is for the log alone
//! ([`Panicked::message`]); nothing that prints the error shows it. A panic while a response body is
//! read comes too late for another response, and ends the connection instead.
//!
//! # Example
//!
//! ```
//! use std::error::Error;
//! use artifact_cache_layers::{body::Body, cause::is_caused_by, rescue::RescueLayer};
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! fn respond(error: &(dyn Error + 'static)) -> Response<Body> {
//!     let mut response = Response::new(Body::from("{\"error\":\"upstream_unavailable\"}"));
//!     *response.status_mut() = match is_caused_by::<std::io::Error>(error) {
//!         true => StatusCode::SERVICE_UNAVAILABLE,
//!         false => StatusCode::INTERNAL_SERVER_ERROR,
//!     };
//!     response
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = ServiceBuilder::new()
//!     .layer(RescueLayer::new(respond))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Err::<Response<Body>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
//!     }));
//!
//! let Ok(response) = service.oneshot(Request::new(Body::empty())).await;
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # }
//! ```

mod future;
mod layer;
mod panicked;
mod respond;
mod service;

pub use future::ResponseFuture;
pub use layer::RescueLayer;
pub use panicked::Panicked;
pub use respond::Respond;
pub use service::Rescue;
