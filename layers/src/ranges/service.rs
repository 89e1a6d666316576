//! [`Ranges`].

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, header, request};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Terms, asker::Asker, body::InRanges};
use crate::body::{Body, BoxError};

/// Asks for large bodies in ranges. See the [module docs](crate::ranges) for an example.
#[derive(Clone, Debug)]
pub struct Ranges<S> {
    inner: S,
    terms: Terms,
    is_wanted: fn(&Request<Body>) -> bool,
}

impl<S> Ranges<S> {
    pub(super) fn new(inner: S, terms: Terms, is_wanted: fn(&Request<Body>) -> bool) -> Self {
        Self {
            inner,
            terms,
            is_wanted,
        }
    }

    /// The head to ask for ranges with, where that may be done.
    fn head(&self, request: &Request<Body>) -> Option<request::Parts> {
        let may = self.terms.at_once > 1 && is_plain(request) && (self.is_wanted)(request);
        may.then(|| {
            let mut head = Request::new(()).into_parts().0;
            head.uri = request.uri().clone();
            head.version = request.version();
            head.headers = request.headers().clone();
            head.extensions = request.extensions().clone();
            head
        })
    }
}

/// Whether nothing but the whole is asked for, whatever there is.
fn is_plain(request: &Request<Body>) -> bool {
    const OTHER: [header::HeaderName; 6] = [
        header::RANGE,
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ];
    let fields = request.headers();
    request.method() == Method::GET && !OTHER.iter().any(|name| fields.contains_key(name))
}

impl<S> Service<Request<Body>> for Ranges<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>>,
    S: Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture<S> {
        let head = self.head(&request);
        ResponseFuture {
            further: head.map(|head| (self.inner.clone(), head)),
            inner: self.inner.call(request),
            terms: self.terms,
        }
    }
}

pin_project! {
    /// Response future of [`Ranges`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S: Service<Request<Body>>> {
        #[pin]
        inner: S::Future,
        further: Option<(S, request::Parts)>,
        terms: Terms,
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>>,
    S: Clone + Send + Unpin + 'static,
    S::Future: Send,
{
    type Output = Result<Response<Body>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let asker = this
            .further
            .take()
            .and_then(|(service, head)| Asker::of(service, head, &response, this.terms));
        Poll::Ready(Ok(match asker {
            Some(asker) => {
                response.map(|body| Body::stream(InRanges::new(asker, body, *this.terms)))
            }
            None => response,
        }))
    }
}
