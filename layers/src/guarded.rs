//! [`Guarded`], the future of a layer that passes a request on or answers it at once. Owns nothing of
//! why; the layers that refuse share it so that a request that passes costs no allocation.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::body::{Body, BoxError};

pin_project! {
    /// The inner service's future, or an answer that is known already.
    #[must_use = "futures do nothing unless polled"]
    pub struct Guarded<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Passed {
            #[pin]
            future: F,
        },
        Known {
            // Boxed, so that the future of a request that passes stays small.
            answer: Option<Result<Box<Response<Body>>, BoxError>>,
        },
    }
}

impl<F> Guarded<F> {
    /// The request was passed on.
    pub fn passed(future: F) -> Self {
        Self {
            state: State::Passed { future },
        }
    }

    /// The request is refused.
    pub fn refused(error: impl Into<BoxError>) -> Self {
        Self::known(Err(error.into()))
    }

    /// The layer answers the request itself.
    pub fn answered(response: Response<Body>) -> Self {
        Self::known(Ok(Box::new(response)))
    }

    fn known(answer: Result<Box<Response<Body>>, BoxError>) -> Self {
        Self {
            state: State::Known {
                answer: Some(answer),
            },
        }
    }
}

impl<F, E> Future for Guarded<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Passed { future } => future.poll(cx).map_err(Into::into),
            // Polled again after it was ready, which no caller may do, it waits for ever.
            Projected::Known { answer } => answer.take().map_or(Poll::Pending, |known| {
                Poll::Ready(known.map(|answer| *answer))
            }),
        }
    }
}

impl<F> std::fmt::Debug for Guarded<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}
