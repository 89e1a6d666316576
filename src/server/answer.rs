//! `Answer`: a connection's stack at work on one request. The stack is not cloned for it.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use artifact_cache_layers::body::Body;
use http::{Request, Response};
use pin_project_lite::pin_project;

use super::Stack;

pin_project! {
    /// Waits until the stack is ready, gives it the request and waits for the response.
    pub(super) struct Answer<S: Stack> {
        stack: Arc<Mutex<S>>,
        request: Option<Request<Body>>,
        #[pin]
        response: Option<S::Future>,
    }
}

impl<S: Stack> Answer<S> {
    pub(super) fn new(stack: Arc<Mutex<S>>, request: Request<Body>) -> Self {
        Self {
            stack,
            request: Some(request),
            response: None,
        }
    }
}

impl<S: Stack> Future for Answer<S> {
    type Output = Result<Response<Body>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.request.is_some() {
            let mut stack = lock(this.stack);
            ready!(stack.poll_ready(cx))?;
            if let Some(request) = this.request.take() {
                this.response.set(Some(stack.call(request)));
            }
        }
        // Polled again after its answer, which no caller may do, it waits for ever.
        let Some(response) = this.response.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let answer = ready!(response.poll(cx));
        this.response.set(None);
        Poll::Ready(answer)
    }
}

/// A stack that panicked was given up with its connection.
fn lock<S>(stack: &Mutex<S>) -> MutexGuard<'_, S> {
    stack.lock().unwrap_or_else(PoisonError::into_inner)
}
