//! `ResponseBody`: what an origin sends after its head, under deadlines. No deadline bounds the whole.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::failure::Incomplete;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{Reason, UpstreamFailure, failure::reason_of, silence::Silence};
use crate::config::upstream::Upstream;

/// The span over which the rate of a body is averaged.
const RATE_SPAN: Duration = Duration::from_secs(30);

/// What every response body is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    silence: Duration,
    least_rate: u64,
}

/// The origin sent fewer bytes per second than it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {bytes} bytes came in {seconds} s")]
struct TooSlow {
    bytes: u64,
    seconds: u64,
}

/// The body of a response. It ends well only when it is complete: hyper counts the bytes of a known
/// length and the chunks of an unknown one, and everything short of that is an error here.
pub(super) struct ResponseBody {
    incoming: Incoming,
    /// How much of it came, and how much was announced.
    progress: Incomplete,
    silence: Silence,
    pace: Pace,
}

/// Measures the rate of an origin. Only the time that is spent waiting for it counts: while the
/// reader is busy elsewhere, the origin can do nothing.
struct Pace {
    least_rate: u64,
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Bounds {
    pub(super) fn new(settings: &Upstream) -> Self {
        Self {
            silence: settings.idle_timeout.0,
            least_rate: settings.min_rate.0,
        }
    }
}

impl Pace {
    fn wait(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    fn received(&mut self, bytes: usize, now: Instant) -> Result<(), TooSlow> {
        self.bytes += bytes as u64;
        if let Some(since) = self.waiting_since.take() {
            self.waited += now - since;
        }
        if self.waited < RATE_SPAN {
            return Ok(());
        }
        let (bytes, seconds) = (self.bytes, self.waited.as_secs());
        (self.bytes, self.waited) = (0, Duration::ZERO);
        let least = self.least_rate.saturating_mul(seconds);
        (bytes >= least)
            .then_some(())
            .ok_or(TooSlow { bytes, seconds })
    }
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, bounds: Bounds) -> Self {
        Self {
            progress: Incomplete {
                received: 0,
                expected: incoming.size_hint().exact(),
            },
            incoming,
            silence: Silence::new(bounds.silence),
            pace: Pace {
                least_rate: bounds.least_rate,
                waiting_since: None,
                waited: Duration::ZERO,
                bytes: 0,
            },
        }
    }

    fn heard(
        &mut self,
        frame: Result<Frame<Bytes>, hyper::Error>,
    ) -> Result<Frame<Bytes>, UpstreamFailure> {
        self.silence.broken();
        let frame = frame.map_err(|error| self.broken(error))?;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.progress.received += bytes as u64;
        match self.pace.received(bytes, Instant::now()) {
            Ok(()) => Ok(frame),
            Err(slow) => Err(UpstreamFailure::caused(Reason::Timeout, slow)),
        }
    }

    /// A body that ended early is told apart from a head that never came.
    fn broken(&self, error: hyper::Error) -> UpstreamFailure {
        match reason_of(&error) {
            Reason::Reset => UpstreamFailure::caused(Reason::Reset, self.progress),
            reason => UpstreamFailure::caused(reason, error),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = UpstreamFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamFailure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| self.heard(frame)));
        }
        self.pace.wait(Instant::now());
        let expired = self.silence.poll_too_long(cx);
        expired.map(|()| Some(Err(UpstreamFailure::new(Reason::Timeout))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(least_rate: u64) -> Pace {
        Pace {
            least_rate,
            waiting_since: None,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    #[test]
    fn an_origin_below_the_least_rate_is_too_slow() {
        let (mut pace, mut now) = (pace(100), Instant::now());
        for second in 1..=30 {
            pace.wait(now);
            now += Duration::from_secs(1);
            let slow = TooSlow {
                bytes: 2970,
                seconds: 30,
            };
            let expected = if second < 30 { Ok(()) } else { Err(slow) };
            assert_eq!(pace.received(99, now), expected);
        }
    }

    #[test]
    fn time_in_which_nobody_waits_for_the_origin_does_not_count() {
        let (mut pace, mut now) = (pace(100), Instant::now());
        for _ in 0..100 {
            now += Duration::from_secs(10);
            assert_eq!(pace.received(1, now), Ok(()));
        }
    }
}
