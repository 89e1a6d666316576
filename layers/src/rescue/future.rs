//! [`ResponseFuture`].

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{panicked::catch, respond::Respond};
use crate::body::{Body, BoxError};

pin_project! {
    /// Response future of [`Rescue`](super::Rescue).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R: Respond> {
        #[pin]
        called: Called<F>,
        respond: R,
        memo: Option<R::Memo>,
    }
}

pin_project! {
    #[project = Projected]
    enum Called<F> {
        Running {
            #[pin]
            future: F,
        },
        Failed {
            error: Option<BoxError>,
        },
    }
}

impl<F, R: Respond> ResponseFuture<F, R> {
    pub(super) fn new(called: Result<F, BoxError>, respond: R, memo: R::Memo) -> Self {
        Self {
            called: match called {
                Ok(future) => Called::Running { future },
                Err(error) => Called::Failed { error: Some(error) },
            },
            respond,
            memo: Some(memo),
        }
    }
}

impl<F, E, R> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<BoxError>,
    R: Respond,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.called.poll(cx));
        // Polled again after its answer, which no caller may do, it waits for ever.
        match (answer, this.memo.take()) {
            (Some(Ok(response)), Some(_)) => Poll::Ready(Ok(response)),
            (Some(Err(error)), Some(memo)) => Poll::Ready(Ok(this.respond.respond(memo, &*error))),
            _ => Poll::Pending,
        }
    }
}

impl<F, E> Called<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<BoxError>,
{
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Response<Body>, BoxError>>> {
        Poll::Ready(match self.project() {
            Projected::Running { future } => Some(match catch(|| future.poll(cx)) {
                Ok(answer) => ready!(answer).map_err(Into::into),
                Err(panicked) => Err(panicked.into()),
            }),
            Projected::Failed { error } => error.take().map(Err),
        })
    }
}

impl<F, R: Respond> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
