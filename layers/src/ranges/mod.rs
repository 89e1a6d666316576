//! Asks for a large body in ranges, several at a time, for origins that give each connection only so much.
//!
//! The first answer is taken as it comes. If it is long, strongly validated and its origin takes ranges (RFC 9110
//! §14.3), only its beginning is read from it; what follows is asked for in ranges of equal length with
//! `If-Range`, and put together in order. Whoever reads sees one body with one length.
//!
//! A range that is refused, or that belongs to another representation, ends the body with an error where it
//! would have begun: [`tee`](crate::tee) then asks for the rest in one piece. Ranges are only asked for as long as the body
//! is read; at most [`Terms::at_once`] of them are in memory.
//!
//! ```
//! use artifact_cache_layers::{body::Body, ranges::{RangesLayer, Terms}};
//! use http::{Request, Response, header};
//! use http_body_util::BodyExt as _;
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let origin = service_fn(async |request: Request<Body>| {
//!     let response = Response::builder().header("etag", "\"1\"").header("accept-ranges", "bytes");
//!     match request.headers().get(header::RANGE) {
//!         None => response.header("content-length", 6).body(Body::from("abcdef")),
//!         Some(_) => response.status(206).header("content-range", "bytes 3-5/6").body(Body::from("def")),
//!     }
//! });
//! let terms = Terms { at_once: 2, range_bytes: 3, least_bytes: 6 };
//! let service = ServiceBuilder::new().layer(RangesLayer::new(terms, |_| true)).service(origin);
//!
//! let response = service.oneshot(Request::new(Body::empty())).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "abcdef");
//! # Ok(()) }
//! ```

mod asker;
mod body;
mod piece;
mod service;

pub use self::{
    asker::NotTheRange,
    service::{Ranges, ResponseFuture},
};

use http::Request;
use tower_layer::Layer;

use crate::body::Body;

/// When a body is asked for in ranges, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Most ranges that are asked for at the same time; with less than two everything is asked for whole.
    pub at_once: usize,
    /// Bytes of a range; the last one may have fewer.
    pub range_bytes: u64,
    /// Least bytes of a body that is asked for in ranges.
    pub least_bytes: u64,
}

/// Makes [`Ranges`] services. See the [module docs](crate::ranges) for an example.
#[derive(Clone, Copy, Debug)]
pub struct RangesLayer {
    terms: Terms,
    is_wanted: fn(&Request<Body>) -> bool,
}

impl RangesLayer {
    /// Asks in ranges for what `is_wanted`.
    #[must_use]
    pub fn new(terms: Terms, is_wanted: fn(&Request<Body>) -> bool) -> Self {
        Self { terms, is_wanted }
    }
}

impl<S> Layer<S> for RangesLayer {
    type Service = Ranges<S>;

    fn layer(&self, inner: S) -> Ranges<S> {
        Ranges::new(inner, self.terms, self.is_wanted)
    }
}
