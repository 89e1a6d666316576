//! [`ResponseFuture`].

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::pseudonym::Pseudonym;
use crate::{body::Body, semantics::hop_by_hop::remove_hop_by_hop};

pin_project! {
    /// Response future of [`Hop`](super::Hop).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        pseudonym: Pseudonym,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, pseudonym: Pseudonym) -> Self {
        Self { inner, pseudonym }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.inner.poll(cx).map_ok(|mut response| {
            let received = response.version();
            remove_hop_by_hop(response.headers_mut());
            this.pseudonym.sign(response.headers_mut(), received);
            response
        })
    }
}
