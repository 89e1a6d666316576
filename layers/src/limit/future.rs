//! [`ResponseFuture`], and the place on its way from the request to the end of the response body.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Response;
use http_body::Body as _;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::{
    error::{HeadTimeout, Overloaded},
    places::Place,
};
use crate::body::{Body, BoxError, Watch};

pin_project! {
    /// Response future of [`Limit`](super::Limit).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Admitted {
            #[pin]
            future: F,
            #[pin]
            deadline: Option<Deadline>,
            place: Option<Place>,
        },
        Refused {
            overloaded: Overloaded,
        },
    }
}

pin_project! {
    struct Deadline {
        after: Duration,
        #[pin]
        sleep: Sleep,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn admitted(future: F, place: Place, head_deadline: Option<Duration>) -> Self {
        Self {
            state: State::Admitted {
                future,
                deadline: head_deadline.map(|after| Deadline {
                    after,
                    sleep: sleep(after),
                }),
                place: Some(place),
            },
        }
    }

    pub(super) fn refused(overloaded: Overloaded) -> Self {
        Self {
            state: State::Refused { overloaded },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Refused { overloaded } => Poll::Ready(Err((*overloaded).into())),
            Projected::Admitted {
                future,
                deadline,
                place,
            } => {
                if let Poll::Ready(answer) = future.poll(cx) {
                    let place = place.take();
                    return Poll::Ready(answer.map_err(Into::into).map(|it| held(it, place)));
                }
                deadline
                    .as_pin_mut()
                    .map_or(Poll::Pending, |deadline| deadline.poll_passed(cx))
                    .map(|passed| Err(passed.into()))
            }
        }
    }
}

impl Deadline {
    fn poll_passed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HeadTimeout> {
        let this = self.project();
        let after = *this.after;
        this.sleep.poll(cx).map(|()| HeadTimeout { after })
    }
}

/// The place goes with the body and is given back when the body is dropped. A body without bytes
/// is over already.
fn held(response: Response<Body>, place: Option<Place>) -> Response<Body> {
    if response.body().is_end_stream() {
        return response;
    }
    response.map(|body| body.watched(Box::new(Held { _place: place })))
}

struct Held {
    _place: Option<Place>,
}

impl Watch for Held {
    fn data(&mut self, _len: u64) {}
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
