//! `Throttle`: how often one origin is asked, how fast it is read, and the rest that it asked for. An origin
//! that answered 429 (RFC 6585 §4) to one client would answer it to all: nobody asks before its time.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{body::Body, semantics::target_uri::TargetUri};
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{Reason, UpstreamFailure, retry::retry_after};
use crate::{
    config::upstream::Upstream,
    pace::{Buckets, Paced, Rate},
};

/// The longest that a request waits for its turn; a longer wait is the asker's.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long an origin is left alone that did not say how long.
const UNNAMED_REST: Duration = Duration::from_secs(1);
/// The longest rest that is taken from an origin's word.
const LONGEST_REST: Duration = Duration::from_mins(10);
/// Resting origins remembered at once.
const CAPACITY: usize = 1024;

pub(super) struct Throttle {
    requests: Option<Rate>,
    bytes: Option<Rate>,
    turns: Buckets<Origin>,
    volumes: Buckets<Origin>,
    resting: Mutex<HashMap<Origin, Instant>>,
}

type Origin = (String, u16);

fn origin(uri: &TargetUri) -> Origin {
    (uri.host().to_owned(), uri.port())
}

impl Throttle {
    pub(super) fn new(settings: &Upstream) -> Self {
        let rate = |per_second: u64| {
            let burst = per_second;
            (per_second > 0).then_some(Rate { per_second, burst })
        };
        Self {
            requests: rate(settings.requests_per_second.into()),
            bytes: rate(settings.bytes_per_second.0),
            turns: Buckets::default(),
            volumes: Buckets::default(),
            resting: Mutex::default(),
        }
    }

    /// How long to wait before the origin of `uri` may be asked.
    pub(super) fn admit(&self, uri: &TargetUri, now: Instant) -> Result<Duration, UpstreamFailure> {
        if let Some(rest) = self.rest(uri, now) {
            return Err(throttled(rest));
        }
        let Some(rate) = self.requests else {
            return Ok(Duration::ZERO);
        };
        let turns = self.turns.of(origin(uri), now);
        match turns.take(1, rate, now) {
            Ok(()) => Ok(Duration::ZERO),
            Err(wait) if wait > LONGEST_WAIT => Err(throttled(wait)),
            Err(_) => Ok(turns.owe(1, rate, now)),
        }
    }

    /// Remembers the rest that an origin asks for. What it says to one user's credentials is meant for
    /// that user.
    pub(super) fn told<B>(
        &self,
        uri: &TargetUri,
        is_private: bool,
        response: &Response<B>,
        (now, wall): (Instant, SystemTime),
    ) {
        if response.status() != StatusCode::TOO_MANY_REQUESTS || is_private {
            return;
        }
        let rest = retry_after(response.headers(), wall).unwrap_or(UNNAMED_REST);
        let mut resting = self.lock();
        if resting.len() >= CAPACITY {
            resting.retain(|_, until| *until > now);
        }
        if resting.len() < CAPACITY {
            resting.insert(origin(uri), now + rest.min(LONGEST_REST));
        }
    }

    /// A body of the origin of `uri`, no faster than is allowed.
    pub(super) fn paced(&self, uri: &TargetUri, body: Body) -> Body {
        match self.bytes {
            None => body,
            Some(rate) => Paced::body(body, self.volumes.of(origin(uri), Instant::now()), rate),
        }
    }

    fn rest(&self, uri: &TargetUri, now: Instant) -> Option<Duration> {
        let mut resting = self.lock();
        if resting.is_empty() {
            return None;
        }
        let origin = origin(uri);
        let until = *resting.get(&origin)?;
        if until <= now {
            resting.remove(&origin);
            return None;
        }
        Some(until - now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn throttled(rest: Duration) -> UpstreamFailure {
    let mut failure = UpstreamFailure::new(Reason::Throttled);
    failure.retry_after = Some(rest);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> TargetUri {
        text.parse().unwrap()
    }

    #[test]
    fn turns_are_waited_for_and_long_waits_refused() {
        let throttle = Throttle::new(&Upstream {
            requests_per_second: 2,
            ..Upstream::default()
        });
        let (origin, now) = (uri("http://a.example/"), Instant::now());
        let waits: Vec<_> = (0..40).map(|_| throttle.admit(&origin, now)).collect();
        assert_eq!(waits[1].as_ref().ok(), Some(&Duration::ZERO));
        assert_eq!(waits[2].as_ref().ok(), Some(&Duration::from_millis(500)));
        let refused = waits[39].as_ref().unwrap_err();
        assert_eq!(refused.reason, Reason::Throttled);
        assert!(refused.retry_after.unwrap() > LONGEST_WAIT);
        assert!(throttle.admit(&uri("http://b.example/"), now).is_ok());
    }

    #[test]
    fn rests_are_bounded_in_number_and_length() {
        let throttle = Throttle::new(&Upstream::default());
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer
            .headers_mut()
            .insert("retry-after", "999999".parse().unwrap());
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        for port in 1..=2 * CAPACITY {
            let origin = uri(&format!("http://a.example:{port}/"));
            throttle.told(&origin, false, &answer, (now, wall));
        }
        assert_eq!(throttle.lock().len(), CAPACITY);
        let first = uri("http://a.example:1/");
        assert!(throttle.admit(&first, now).is_err());
        assert!(throttle.admit(&first, now + LONGEST_REST).is_ok());
    }
}
