//! `Stall`: the deadline of one wait for a peer that is polled, not awaited.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// Measures how long something has been pending without a break. The timer is made at the first wait
/// and kept; a transfer that never waits has none.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Stall {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: None,
            waiting: false,
        }
    }

    /// Says that the peer did something.
    pub(super) fn progress(&mut self) {
        self.waiting = false;
    }

    /// To be called while the peer keeps us waiting; ready when it did so for too long.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn progress_starts_the_wait_anew() {
        let limit = Duration::from_millis(20);
        let mut stall = Stall::new(limit);
        let begin = Instant::now();
        poll_fn(|cx| stall.poll_expired(cx)).await;
        assert!(begin.elapsed() >= limit);
        stall.progress();
        poll_fn(|cx| stall.poll_expired(cx)).await;
        assert!(begin.elapsed() >= 2 * limit);
    }
}
