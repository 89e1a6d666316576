//! [`AccessLayer`]: the gate as a layer of the stack.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Once,
    guarded::Guarded,
};
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::Gate;
use crate::pace::{Pace, Paced};

/// Makes [`Access`] services.
#[derive(Clone)]
pub struct AccessLayer {
    gate: Gate,
}

impl AccessLayer {
    /// Requests pass `gate` first.
    #[must_use]
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access {
            inner,
            gate: self.gate.clone(),
        }
    }
}

/// Lets through what the gate lets through.
#[derive(Clone)]
pub struct Access<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Admitted<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let judged = if self.gate.is_open() {
            Ok(None)
        } else {
            // Who may have an answer is decided for each request.
            request.extensions_mut().insert(Once);
            self.gate.judge(&mut request)
        };
        if let Ok(Some(pace)) = &judged
            && request.method() == Method::CONNECT
        {
            request.extensions_mut().insert(pace.clone());
        }
        match judged {
            Ok(pace) => Admitted {
                answer: Guarded::passed(self.inner.call(request)),
                pace,
            },
            Err(error) => Admitted {
                answer: Guarded::refused(error),
                pace: None,
            },
        }
    }
}

pin_project! {
    /// The answer, whose body is held to the client's rate if there is one.
    pub struct Admitted<F> {
        #[pin]
        answer: Guarded<F>,
        pace: Option<Pace>,
    }
}

impl<F> Future for Admitted<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        let Some(Pace { bucket, rate }) = this.pace.take() else {
            return Poll::Ready(answer);
        };
        Poll::Ready(answer.map(|response| response.map(|body| Paced::body(body, bucket, rate))))
    }
}
