//! `Streams`: the requests of one HTTP/2 connection. They tell when nothing was asked for too long, and
//! when a client takes no byte of a response: neither shows in the connection, which answers pings.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::body::{Body, BoxError};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

/// Runs the streams of one connection, which waits for them.
#[derive(Clone, Default)]
pub(super) struct Executor(pub(super) TaskTracker);

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// What the requests of a connection are doing. Clones share it.
#[derive(Clone)]
pub(super) struct Streams(Arc<Shared>);

struct Shared {
    begin: Instant,
    open: Mutex<Open>,
}

struct Open {
    streams: Vec<Weak<Waiting>>,
    /// Since when there is none.
    idle: Instant,
}

/// Since when a stream waits for its client, in milliseconds from the connection's begin; `ON_US` while
/// it waits for us.
struct Waiting(AtomicU64);

const ON_US: u64 = u64::MAX;

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was asked for.
    Idle,
    /// A response that is not complete went no further.
    Stalled,
}

/// The client took no byte of a response for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client took no byte of a response for too long")]
pub(super) struct StreamStalled;

impl Streams {
    pub(super) fn new() -> Self {
        let begin = Instant::now();
        let open = Open {
            streams: Vec::new(),
            idle: begin,
        };
        Self(Arc::new(Shared {
            begin,
            open: Mutex::new(open),
        }))
    }

    /// A request arrived. It is open until the value is gone.
    pub(super) fn begin(&self) -> Stream {
        let waiting = Arc::new(Waiting(AtomicU64::new(ON_US)));
        let mut open = self.lock();
        open.streams.push(Arc::downgrade(&waiting));
        Stream {
            waiting,
            streams: self.clone(),
        }
    }

    /// Ends when the connection is overdue.
    pub(super) async fn overdue(&self, idle: Duration, stall: Duration) -> Overdue {
        let round = idle.min(stall) / 4;
        loop {
            sleep(round.max(Duration::from_millis(10))).await;
            if let Some(overdue) = self.look(Instant::now(), idle, stall) {
                return overdue;
            }
        }
    }

    fn look(&self, now: Instant, idle: Duration, stall: Duration) -> Option<Overdue> {
        let mut open = self.lock();
        open.streams.retain(|stream| stream.strong_count() > 0);
        if open.streams.is_empty() {
            return (now.duration_since(open.idle) >= idle).then_some(Overdue::Idle);
        }
        let late = |stream: &Weak<Waiting>| {
            let since = stream
                .upgrade()
                .map_or(ON_US, |it| it.0.load(Ordering::Relaxed));
            since != ON_US && self.0.begin + Duration::from_millis(since) + stall <= now
        };
        open.streams.iter().any(late).then_some(Overdue::Stalled)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request and its response.
pub(super) struct Stream {
    waiting: Arc<Waiting>,
    streams: Streams,
}

impl Stream {
    /// The response's body as it is sent on this stream.
    pub(super) fn carry(self, body: Body) -> Carried {
        Carried { body, stream: self }
    }

    fn waits_for_us(&self) {
        // The value stands alone: no other memory depends on its order.
        self.waiting.0.store(ON_US, Ordering::Relaxed);
    }

    fn waits_for_client(&self) {
        let millis = self.streams.0.begin.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(ON_US - 1);
        self.waiting.0.store(millis, Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.lock().idle = Instant::now();
    }
}

/// A body that notes for whom it waits: asked for bytes it waits for us, between that for the client.
pub(super) struct Carried {
    body: Body,
    stream: Stream,
}

impl HttpBody for Carried {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(_))) => self.stream.waits_for_client(),
            _ => self.stream.waits_for_us(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn later(streams: &Streams) -> Option<Overdue> {
        streams.look(Instant::now() + LONG, LONG, LONG)
    }

    fn now(streams: &Streams) -> Option<Overdue> {
        streams.look(Instant::now(), LONG, LONG)
    }

    #[test]
    fn a_connection_without_requests_is_idle_in_time() {
        let streams = Streams::new();
        let stream = streams.begin();
        assert_eq!(later(&streams), None);
        drop(stream);
        assert_eq!(now(&streams), None);
        assert_eq!(later(&streams), Some(Overdue::Idle));
    }

    #[test]
    fn only_a_wait_for_the_client_is_a_stall() {
        let streams = Streams::new();
        let (slow, ours) = (streams.begin(), streams.begin());
        ours.waits_for_us();
        slow.waits_for_client();
        assert_eq!(now(&streams), None);
        assert_eq!(later(&streams), Some(Overdue::Stalled));
        slow.waits_for_us();
        assert_eq!(later(&streams), None);
    }

    #[tokio::test]
    async fn a_connection_that_is_overdue_is_told() {
        let (short, streams) = (Duration::from_millis(20), Streams::new());
        assert_eq!(streams.overdue(short, LONG).await, Overdue::Idle);
        let stream = streams.begin();
        stream.waits_for_client();
        assert_eq!(streams.overdue(LONG, short).await, Overdue::Stalled);
    }
}
