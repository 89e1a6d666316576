//! Inner services and requests that the tests of several layers share.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use artifact_cache_layers::body::{Body, BoxError};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt as _, service_fn};

/// A request without body.
pub(crate) fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

/// The request as it reached the service inside `layer`, or the error that kept it outside.
pub(crate) async fn reached<L>(layer: L, request: Request<Body>) -> Result<Request<Body>, BoxError>
where
    L: Layer<Capture>,
    L::Service: Service<Request<Body>, Response = Response<Body>>,
    <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
{
    let capture = Capture::default();
    let answer = layer.layer(capture.clone()).oneshot(request).await;
    answer.map_err(Into::into)?;
    let seen = capture.0.lock().unwrap().take();
    seen.ok_or_else(|| "the layer answered the request itself".into())
}

/// Keeps the last request and answers with nothing.
#[derive(Clone, Default)]
pub(crate) struct Capture(pub(crate) Arc<Mutex<Option<Request<Body>>>>);

impl Service<Request<Body>> for Capture {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        *self.0.lock().unwrap() = Some(request);
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

/// A service that gives this response body, made anew for each request.
pub(crate) fn gives(
    body: impl Fn() -> Body + Clone,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone
{
    service_fn(move |_: Request<Body>| std::future::ready(Ok(Response::new(body()))))
}

/// Writes a body of unknown length piece by piece.
pub(crate) type Pieces = mpsc::UnboundedSender<Result<&'static str, BoxError>>;

/// A body of unknown length that does not know its end before it is there, as most streams do.
pub(crate) fn stream() -> (Pieces, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::stream(Stream(receiver)))
}

struct Stream(mpsc::UnboundedReceiver<Result<&'static str, BoxError>>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx).map(|piece| {
            piece.map(|piece| piece.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))))
        })
    }
}
