//! Tells a [`Recorder`] what became of each request, to the last byte of its response.
//!
//! A metric taken when the response head is ready misses what matters for downloads: how many bytes
//! left, how long that took, and whether the client stayed for all of them. This layer follows the
//! response body. It knows no metric and no log: the product implements [`Recorder`] and decides what
//! to count. The clock is read twice, at the start and at the end.
//!
//! # Example
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use artifact_cache_layers::{body::Body, record::{End, Outcome, RecordLayer, Recorder}};
//! use http::{Method, Request, Response};
//! use http_body_util::BodyExt as _;
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! #[derive(Clone, Default)]
//! struct Log(Arc<Mutex<Vec<(Method, Outcome, u64)>>>);
//!
//! impl Recorder for Log {
//!     type Memo = Method;
//!
//!     fn started(&self, request: &Request<Body>) -> Method {
//!         request.method().clone()
//!     }
//!
//!     fn finished(&self, method: Method, end: End) {
//!         self.0.lock().unwrap().push((method, end.outcome, end.bytes));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let log = Log::default();
//! let service = ServiceBuilder::new()
//!     .layer(RecordLayer::new(log.clone()))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Ok::<_, BoxError>(Response::new(Body::from("artifact")))
//!     }));
//!
//! let read = service.clone().oneshot(Request::new(Body::empty())).await?;
//! read.into_body().collect().await?;
//! let unread = service.oneshot(Request::new(Body::empty())).await?;
//! drop(unread);
//!
//! let seen = log.0.lock().unwrap().clone();
//! assert_eq!(seen[0], (Method::GET, Outcome::Complete, 8));
//! assert_eq!(seen[1], (Method::GET, Outcome::Left, 0));
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod measure;
mod recorder;
mod service;

pub use future::ResponseFuture;
pub use layer::RecordLayer;
pub use recorder::{End, Outcome, Recorder};
pub use service::Record;
