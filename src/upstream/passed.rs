//! [`PassedLayer`]: an object that passes without being kept is checked against what its store says of it as well. The
//! last piece waits for that: whoever gets everything got what the store meant.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    share::NotKept,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tower::{Layer, Service};

use crate::artifact::check::{Check, Checker};

/// Checks what passes.
#[derive(Clone, Copy, Debug)]
pub struct PassedLayer;

/// The service of [`PassedLayer`].
#[derive(Clone, Debug)]
pub struct Passed<S>(S);

/// A body whose last piece is held back until all is checked.
struct Held {
    body: Body,
    checker: Option<Checker>,
    last: Option<Bytes>,
}

/// Whether nobody else checks this response.
fn check(is_get: bool, response: &Response<Body>) -> Option<Check> {
    let is_whole = is_get && response.status() == StatusCode::OK;
    let told = response.extensions().get::<Check>().copied();
    let told = told.filter(|check| is_whole && *check != Check::Length);
    told.filter(|_| response.extensions().get::<NotKept>().is_some())
}

fn checked(is_get: bool, response: Response<Body>) -> Response<Body> {
    let Some(check) = check(is_get, &response) else {
        return response;
    };
    response.map(|body| {
        Body::stream(Held {
            body,
            checker: Some(Checker::new(check)),
            last: None,
        })
    })
}

impl Held {
    /// The next piece, once there is another one behind it.
    fn take(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let piece = frame.into_data().ok().filter(|piece| !piece.is_empty())?;
        if let Some(checker) = &mut self.checker {
            checker.update(&piece);
        }
        self.last.replace(piece).map(Frame::data)
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let damaged = self.checker.take().and_then(|it| it.finish().err());
        if let Some(damaged) = damaged {
            tracing::warn!(error = %damaged, "an object that was passed on is not what its store says");
            self.last = None;
            return Some(Err(damaged.into()));
        }
        self.last.take().map(|piece| Ok(Frame::data(piece)))
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if self.checker.is_none() {
                return Poll::Ready(self.end());
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(self.end()),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Some(before) = self.take(frame) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.last.as_ref().map_or(0, Bytes::len) as u64;
        match self.body.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left + held),
            None => SizeHint::default(),
        }
    }
}

impl<S> Layer<S> for PassedLayer {
    type Service = Passed<S>;

    fn layer(&self, inner: S) -> Passed<S> {
        Passed(inner)
    }
}

impl<S> Service<Request<Body>> for Passed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_get = request.method() == Method::GET;
        let answer = self.0.call(request);
        Box::pin(async move { Ok(checked(is_get, answer.await?)) })
    }
}
