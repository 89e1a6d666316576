//! [`Hop`].

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{future::ResponseFuture, pseudonym::Pseudonym};
use crate::{body::Body, extensions::Target, semantics::hop_by_hop::remove_hop_by_hop};

/// Ends hop-by-hop fields and adds `Via`. See the [module docs](crate::hop) for an example.
#[derive(Clone, Debug)]
pub struct Hop<S> {
    inner: S,
    pseudonym: Pseudonym,
}

impl<S> Hop<S> {
    pub(super) fn new(inner: S, pseudonym: Pseudonym) -> Self {
        Self { inner, pseudonym }
    }
}

impl<S> Service<Request<Body>> for Hop<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        remove_hop_by_hop(request.headers_mut());
        if is_forwarded(&request) {
            let received = request.version();
            self.pseudonym.sign(request.headers_mut(), received);
        }
        ResponseFuture::new(self.inner.call(request), self.pseudonym.clone())
    }
}

fn is_forwarded(request: &Request<Body>) -> bool {
    let target = request.extensions().get::<Target>();
    target.is_none_or(|target| !target.mode.is_archive())
}
