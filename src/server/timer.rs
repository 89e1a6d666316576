//! `ConnectionTimer`: the deadline for a request's head, without touching the runtime's timers for each
//! request.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use hyper::rt;
use tokio::time::{Sleep, sleep_until};

/// hyper asks for a new deadline before each request and drops it when the head is there. Setting and
/// clearing a timer takes a lock that all cores share. Here one timer per connection stays set: when it
/// fires too early for the deadline of that moment, it is set again.
#[derive(Clone, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Pin<Box<Sleep>>>>>);

/// The deadline that hyper waits for at the moment. There is one at a time.
struct Deadline {
    timer: ConnectionTimer,
    at: Instant,
}

impl ConnectionTimer {
    fn poll_passed(&self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        // The lock is the connection's own.
        let mut timer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = timer.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
        if at < sleep.deadline().into_std() {
            sleep.as_mut().reset(at.into());
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline().into_std() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at.into());
        }
        Poll::Pending
    }
}

impl rt::Timer for ConnectionTimer {
    fn sleep(&self, duration: std::time::Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Deadline {
            timer: self.clone(),
            at: deadline,
        })
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_passed(self.at, cx)
    }
}

impl rt::Sleep for Deadline {}

impl fmt::Debug for ConnectionTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionTimer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use hyper::rt::Timer as _;

    use super::*;

    #[tokio::test]
    async fn a_deadline_passes_in_time_although_the_timer_was_set_for_another() {
        let (timer, begin) = (ConnectionTimer::default(), Instant::now());
        let milliseconds = |count| begin + Duration::from_millis(count);
        // Polled once, so that the timer is set for it, then dropped as hyper does.
        let mut early = timer.sleep_until(milliseconds(20));
        poll_fn(|cx| Poll::Ready(early.as_mut().poll(cx).is_pending())).await;
        drop(early);
        timer.sleep_until(milliseconds(60)).await;
        assert!(begin.elapsed() >= Duration::from_millis(60));

        let mut late = timer.sleep_until(begin + Duration::from_hours(1));
        poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_pending())).await;
        drop(late);
        let soon = timer.sleep_until(milliseconds(80));
        tokio::time::timeout(Duration::from_secs(5), soon)
            .await
            .unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(80));
    }
}
