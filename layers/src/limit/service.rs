//! [`Limit`].

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tower_service::Service;

use super::{error::Overloaded, future::ResponseFuture, places::Places};
use crate::body::{Body, BoxError};

/// Limits requests under way. See the [module docs](crate::limit) for an example.
///
/// Clones share the limit.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    places: Arc<Places>,
    overloaded: Overloaded,
    head_deadline: Option<Duration>,
}

impl<S> Limit<S> {
    pub(super) fn new(
        inner: S,
        places: Arc<Places>,
        overloaded: Overloaded,
        head_deadline: Option<Duration>,
    ) -> Self {
        Self {
            inner,
            places,
            overloaded,
            head_deadline,
        }
    }
}

impl<S> Service<Request<Body>> for Limit<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    /// Never waits for a place: a connection that is not ready would look alive to its client, while
    /// a refusal tells the client to go elsewhere.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.places.take() {
            Some(place) => {
                ResponseFuture::admitted(self.inner.call(request), place, self.head_deadline)
            }
            None => ResponseFuture::refused(self.overloaded),
        }
    }
}
