//! Gives again, without a second look, what the service inside gave a moment ago.
//!
//! Hot artifacts are asked for with the same request head thousands of times a second, by the same kind
//! of client. Everything between a request and a hit is a function of that head, of what is stored, and
//! of the time in whole seconds (`Age`, and the `ttl` of `Cache-Status`). So the layer that made a hit may
//! say with [`Repeatable`] until when the same head has the same answer, and where its bytes can be had
//! once more. This layer keeps such answers and gives them to requests with an equal head.
//!
//! What is never wrong by construction:
//!
//! - The whole head is compared, each field with its value, not only the URL.
//! - [`Repeat::repeat`] is asked each time: it declines as soon as what is stored has changed.
//! - An answer lives until the second it was made in is over, and not at all when the clock went back.
//! - Requests with credentials or with a body are always passed on.
//!
//! Guards that depend on anything but the head, such as the client's address, belong outside of this
//! layer. It keeps no body, only heads, within 32 MiB in all.
//!
//! # Example
//!
//! ```
//! use std::{sync::{Arc, atomic::{AtomicU32, Ordering}}, time::{Duration, SystemTime}};
//! use artifact_cache_layers::{
//!     body::Body, extensions::{Repeat, Repeatable}, recall::RecallLayer,
//! };
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! struct Hot;
//!
//! impl Repeat for Hot {
//!     fn repeat(&self) -> Option<Body> {
//!         Some(Body::from("artifact"))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let asked = Arc::new(AtomicU32::new(0));
//! let counted = asked.clone();
//! let service = ServiceBuilder::new()
//!     .layer(RecallLayer::new(|| SystemTime::UNIX_EPOCH))
//!     .service(service_fn(move |_: Request<Body>| {
//!         counted.fetch_add(1, Ordering::Relaxed);
//!         let mut response = Response::new(Body::from("artifact"));
//!         response.extensions_mut().insert(Repeatable {
//!             until: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
//!             bytes: Arc::new(Hot),
//!         });
//!         async { Ok::<_, BoxError>(response) }
//!     }));
//! for _ in 0..3 {
//!     let request = Request::get("http://example.com/a.tgz").body(Body::empty())?;
//!     service.clone().oneshot(request).await?;
//! }
//! assert_eq!(asked.load(Ordering::Relaxed), 1);
//! # Ok(())
//! # }
//! ```
//!
//! [`Repeatable`]: crate::extensions::Repeatable
//! [`Repeat::repeat`]: crate::extensions::Repeat::repeat

mod answers;
mod future;
mod head;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::RecallLayer;
pub use service::Recall;
