//! Interim responses (RFC 9110 §15.2) on their way to a client. hyper's server has none of its own, so
//! they are written between its messages: while a request waits for its final response, and only when
//! everything that hyper queued before has left.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use artifact_cache_layers::extensions::{Interim, TakeInterim};
use http::{HeaderMap, StatusCode};
use pin_project_lite::pin_project;

/// Most bytes of interim responses that wait for a client; what is more is left out.
const MOST_BYTES: usize = 64 << 10;

/// The interim responses of one connection. A request that is answered without any costs two additions.
#[derive(Debug, Default)]
pub(super) struct Interims {
    /// Odd while a request waits for its final response, even between requests.
    turn: AtomicU64,
    is_waiting: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// What was not written yet, and whose it is.
    bytes: Vec<u8>,
    turn: u64,
    /// The connection's task, once a request waits.
    task: Option<Waker>,
}

impl Interims {
    /// A request begins to wait; what it may take is handed on with it.
    pub(super) fn begin(self: &Arc<Self>) -> Interim {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) + 1;
        Interim::new(Arc::<Self>::clone(self), turn)
    }

    /// The final response is there: nothing more may come before it.
    fn end(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for the final response until every interim response before it has been written.
    pub(super) fn before<F: Future>(self: &Arc<Self>, answer: F) -> Before<F> {
        Before {
            interims: Arc::clone(self),
            answer,
            held: None,
        }
    }

    /// Writes what waits. Called when nothing else is queued on the connection.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        if !self.is_waiting.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let mut queue = self.lock();
        // The request was answered in the moment in which these arrived.
        if queue.turn != self.turn.load(Ordering::Relaxed) {
            queue.bytes.clear();
        }
        while !queue.bytes.is_empty() {
            let written = ready!(write(cx, &queue.bytes))?;
            queue.bytes.drain(..written);
        }
        self.is_waiting.store(false, Ordering::Release);
        // The final response may be held for this.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn wait(&self, task: &Waker) {
        self.lock().task = Some(task.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakeInterim for Interims {
    fn take(&self, turn: u64, status: StatusCode, fields: &HeaderMap) {
        let mut queue = self.lock();
        if turn != self.turn.load(Ordering::Relaxed) {
            return;
        }
        if queue.turn != turn {
            queue.bytes.clear();
            queue.turn = turn;
        }
        let head = head(status, fields);
        if queue.bytes.len() + head.len() > MOST_BYTES {
            return;
        }
        queue.bytes.extend_from_slice(&head);
        self.is_waiting.store(true, Ordering::Release);
        if let Some(task) = &queue.task {
            task.wake_by_ref();
        }
    }
}

fn head(status: StatusCode, fields: &HeaderMap) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

pin_project! {
    /// A final response that comes after its interim ones.
    pub(super) struct Before<F: Future> {
        interims: Arc<Interims>,
        #[pin]
        answer: F,
        held: Option<F::Output>,
    }
}

impl<F: Future> Future for Before<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = match this.held.take() {
            Some(answer) => answer,
            None => match this.answer.poll(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    this.interims.wait(cx.waker());
                    return Poll::Pending;
                }
            },
        };
        // hyper flushes after this poll, and what waits is written then.
        if this.interims.is_waiting.load(Ordering::Acquire) {
            *this.held = Some(answer);
            return Poll::Pending;
        }
        this.interims.end();
        Poll::Ready(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    fn written(interims: &Interims) -> String {
        let (mut bytes, mut cx) = (Vec::new(), Context::from_waker(Waker::noop()));
        // One byte at a time: a slow client.
        let outcome = interims.poll_write(&mut cx, |_, part| {
            bytes.push(part[0]);
            Poll::Ready(Ok(1))
        });
        assert!(matches!(outcome, Poll::Ready(Ok(()))));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_final_response_is_held_until_the_interim_ones_are_written() {
        let interims = Arc::new(Interims::default());
        let interim = interims.begin();
        let mut answer = Box::pin(interims.before(poll_fn(|_| Poll::Ready("final"))));
        let fields = HeaderMap::from_iter([(http::header::LINK, "<a>".parse().unwrap())]);
        interim.send(StatusCode::from_u16(103).unwrap(), &fields);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(answer.as_mut().poll(&mut cx), Poll::Pending);
        assert_eq!(
            written(&interims),
            "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"
        );
        assert_eq!(answer.as_mut().poll(&mut cx), Poll::Ready("final"));
    }

    #[test]
    fn what_comes_after_the_final_response_is_left_out() {
        let interims = Arc::new(Interims::default());
        let interim = interims.begin();
        let mut answer = Box::pin(interims.before(poll_fn(|_| Poll::Ready(()))));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(answer.as_mut().poll(&mut cx), Poll::Ready(()));
        let next = interims.begin();
        interim.send(StatusCode::PROCESSING, &HeaderMap::new());
        assert_eq!(written(&interims), "");
        next.send(StatusCode::PROCESSING, &HeaderMap::new());
        assert_eq!(written(&interims), "HTTP/1.1 102 Processing\r\n\r\n");
    }
}
