//! Sends the body of an admitted response into a sink, once, for everyone who asked.
//!
//! The body is moved by a task of its own, a *fill*: clients only read what it has written, so a slow
//! or vanished client neither slows nor stops it. A body that wrote the store on its way to a client
//! could not do that, and could not commit either: a server drops a body of known length after its
//! last byte without asking for the end.
//!
//! When the origin breaks off, the fill asks for the rest with `Range` and `If-Range` and goes on; what
//! it cannot complete is reported as a failure, never as a short success.
//!
//! The response carries a [`Shared`](crate::share::Shared) extension and an empty body; `cache` (or any
//! other layer outside) makes the client's response from it:
//!
#![cfg_attr(feature = "cache", doc = "```")]
#![cfg_attr(not(feature = "cache"), doc = "```ignore")]
//! use artifact_cache_layers::{
//!     body::{Body, BoxError},
//!     memory::MemoryStore,
//!     share::{Shared, Wanted},
//!     tee::TeeLayer,
//! };
//! use http::{Request, Response};
//! use http_body_util::BodyExt as _;
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
//! let origin = service_fn(async |_: Request<Body>| {
//!     Response::builder().header("cache-control", "max-age=60").body(Body::from("artifact"))
//! });
//! let store = MemoryStore::default();
//! let service = ServiceBuilder::new().layer(TeeLayer::new(store)).service(origin);
//!
//! let request = artifact_cache_layers::memory::get("http://example.com/artifact")?;
//! let response = service.oneshot(request).await?;
//! let shared = response.extensions().get::<Shared>().expect("an admitted response is shared");
//! let body = shared.share.body(Wanted::default()).collect().await?.to_bytes();
//! assert_eq!(body, "artifact");
//! # Ok(()) }
//! ```

mod admit;
mod origin;
mod pump;
mod service;
mod sink;

pub use self::{
    admit::{Admission, Admit, Kept, Task},
    service::Tee,
    sink::Sink,
};
/// Makes [`Tee`] services.
#[derive(Clone, Debug)]
pub struct TeeLayer<A> {
    admit: A,
}

impl<A> TeeLayer<A> {
    /// Keeps what `admit` admits.
    pub fn new(admit: A) -> Self {
        Self { admit }
    }
}

impl<S, A: Clone> tower_layer::Layer<S> for TeeLayer<A> {
    type Service = Tee<S, A>;

    fn layer(&self, inner: S) -> Tee<S, A> {
        Tee::new(inner, self.admit.clone())
    }
}
