//! [`ResponseFuture`].

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{measure::Measure, recorder::Recorder};
use crate::body::Body;

pin_project! {
    /// Response future of [`Record`](super::Record).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R: Recorder> {
        #[pin]
        inner: F,
        // Taken when the head is there; dropped with the future before that.
        measure: Option<Measure<R>>,
        is_head: bool,
    }
}

impl<F, R: Recorder> ResponseFuture<F, R> {
    pub(super) fn new(inner: F, measure: Measure<R>, is_head: bool) -> Self {
        Self {
            inner,
            measure: Some(measure),
            is_head,
        }
    }
}

impl<F, E, R> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<Body>, E>>,
    R: Recorder,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        let Some(measure) = this.measure.take() else {
            return Poll::Ready(answer);
        };
        Poll::Ready(match answer {
            Ok(response) => Ok(measure.follow(response, *this.is_head)),
            Err(error) => {
                measure.fail();
                Err(error)
            }
        })
    }
}

impl<F, R: Recorder> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
