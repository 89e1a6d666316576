//! [`ResponseFuture`].

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use http::Response;
use pin_project_lite::pin_project;

use super::{answers::Answers, head::Head};
use crate::body::Body;

/// The head of the request, where its answer is kept, and when it came.
type Keep = (Head, Arc<Answers>, SystemTime);

pin_project! {
    /// Response future of [`Recall`](super::Recall).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Recalled { response: Option<Response<Body>> },
        Asked { #[pin] future: F, keep: Option<Keep> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn recalled(response: Response<Body>) -> Self {
        let response = Some(response);
        Self {
            state: State::Recalled { response },
        }
    }

    pub(super) fn passed(future: F) -> Self {
        let keep = None;
        Self {
            state: State::Asked { future, keep },
        }
    }

    pub(super) fn asked(future: F, keep: Keep) -> Self {
        let keep = Some(keep);
        Self {
            state: State::Asked { future, keep },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // Polled again after its answer, which no caller may do, it waits for ever.
            Projected::Recalled { response } => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Projected::Asked { future, keep } => {
                let mut answer = ready!(future.poll(cx));
                if let (Ok(response), Some((head, answers, since))) = (&mut answer, keep.take()) {
                    answers.keep(head, response, since);
                }
                Poll::Ready(answer)
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
