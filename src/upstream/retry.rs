//! When, how often and after how long a request is tried again.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    extensions::Mode,
};
use http::{HeaderMap, Response, StatusCode, header::RETRY_AFTER};

use super::{Reason, UpstreamFailure};

/// The wait before the first retry; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is waited out; a longer one is the asker's to wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);

/// What all requests together may spend on retries, in tenths of a retry: each request earns two
/// tenths, so that a dead origin costs at most a fifth more requests once the reserve is spent.
const RETRY_COST: u32 = 10;
const REQUEST_EARNS: u32 = 2;
const RESERVE: u32 = 100 * RETRY_COST;

/// How often requests are tried again.
pub(super) struct Retries {
    most: u32,
    budget: AtomicU32,
}

/// The attempts of one request.
pub(super) struct Tries<'a> {
    retries: &'a Retries,
    made: u32,
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it as it is.
    Final,
    /// Try again, not before so long.
    Again(Duration),
}

impl Retries {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            budget: AtomicU32::new(RESERVE),
        }
    }

    /// A new request; it earns its share of the budget.
    pub(super) fn begin(&self) -> Tries<'_> {
        // The budget stands alone: no other memory depends on its order.
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let earn = |budget: u32| Some((budget + REQUEST_EARNS).min(RESERVE));
        let _ = self.budget.fetch_update(set, fetch, earn);
        Tries {
            retries: self,
            made: 0,
        }
    }

    fn pay(&self) -> bool {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let pay = |budget: u32| budget.checked_sub(RETRY_COST);
        self.budget.fetch_update(set, fetch, pay).is_ok()
    }
}

impl Tries<'_> {
    /// How long to wait before the next attempt; `None` when there is none.
    pub(super) fn next(&mut self, verdict: Verdict) -> Option<Duration> {
        let Verdict::Again(at_least) = verdict else {
            return None;
        };
        if self.made >= self.retries.most || !self.retries.pay() {
            return None;
        }
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.made.min(16))
            .min(LONGEST_WAIT);
        self.made += 1;
        Some(wait.mul_f64(0.5 + fastrand::f64() / 2.0).max(at_least))
    }
}

/// Whether another attempt may go better. A status is retried in archive modes only: there nobody
/// asked for the status. An error always means that no head has arrived.
pub(super) fn verdict(
    outcome: &Result<Response<Body>, BoxError>,
    mode: Mode,
    now: SystemTime,
) -> Verdict {
    match outcome {
        Ok(response) if mode.is_archive() && is_transient(response.status()) => {
            match retry_after(response.headers(), now).unwrap_or_default() {
                wait if wait <= LONGEST_RETRY_AFTER => Verdict::Again(wait),
                _ => Verdict::Final,
            }
        }
        Ok(_) => Verdict::Final,
        Err(error) => match cause_of::<UpstreamFailure>(&**error) {
            Some(failure) if failure.reason.is_transient() => Verdict::Again(Duration::ZERO),
            Some(failure) if failure.reason == Reason::Throttled && mode.is_archive() => {
                match failure.retry_after.unwrap_or_default() {
                    wait if wait <= LONGEST_RETRY_AFTER => Verdict::Again(wait),
                    _ => Verdict::Final,
                }
            }
            _ => Verdict::Final,
        },
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502..=504)
}

/// RFC 9110 §10.2.3: a number of seconds or an HTTP-date.
pub(super) fn retry_after(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = fields.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Response<Body>, BoxError>;

    fn answer(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        response.body(Body::empty()).map_err(Into::into)
    }

    fn judged(outcome: &Outcome, mode: Mode) -> Verdict {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        verdict(outcome, mode, now)
    }

    #[test]
    fn statuses_are_retried_in_archive_modes_only() {
        for status in [408, 429, 502, 503, 504] {
            let again = Verdict::Again(Duration::ZERO);
            assert_eq!(judged(&answer(status, None), Mode::Explicit), again);
            assert_eq!(judged(&answer(status, None), Mode::Internal), again);
            assert_eq!(judged(&answer(status, None), Mode::Forward), Verdict::Final);
        }
        for status in [200, 301, 304, 404, 500, 501] {
            assert_eq!(
                judged(&answer(status, None), Mode::Explicit),
                Verdict::Final
            );
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_bound() {
        let wait = |value| judged(&answer(503, Some(value)), Mode::Explicit);
        assert_eq!(wait("7"), Verdict::Again(Duration::from_secs(7)));
        assert_eq!(
            wait("Fri, 20 Nov 2026 10:00:03 GMT"),
            Verdict::Again(Duration::from_secs(3))
        );
        assert_eq!(
            wait("Fri, 20 Nov 2026 09:00:00 GMT"),
            Verdict::Again(Duration::ZERO)
        );
        assert_eq!(wait("11"), Verdict::Final);
        assert_eq!(wait("soon"), Verdict::Again(Duration::ZERO));
    }

    #[test]
    fn failures_before_a_head_are_retried_unless_they_stay() {
        let failed = |reason| judged(&Err(UpstreamFailure::new(reason).into()), Mode::Forward);
        for reason in [
            Reason::Dns,
            Reason::Connect,
            Reason::ConnectTimeout,
            Reason::Reset,
            Reason::Timeout,
        ] {
            assert_eq!(failed(reason), Verdict::Again(Duration::ZERO));
        }
        for reason in [Reason::Tls, Reason::Invalid, Reason::CircuitOpen] {
            assert_eq!(failed(reason), Verdict::Final);
        }
        assert_eq!(
            judged(&Err("refused".into()), Mode::Forward),
            Verdict::Final
        );
    }

    #[test]
    fn waits_grow_and_end() {
        let retries = Retries::new(3);
        let mut tries = retries.begin();
        let waits: Vec<_> =
            std::iter::from_fn(|| tries.next(Verdict::Again(Duration::ZERO))).collect();
        assert_eq!(waits.len(), 3);
        for (wait, full) in waits.iter().zip([100, 200, 400]) {
            let full = Duration::from_millis(full);
            assert!((full / 2..=full).contains(wait), "{wait:?} of {full:?}");
        }
        let at_least = Verdict::Again(Duration::from_secs(9));
        assert_eq!(retries.begin().next(at_least), Some(Duration::from_secs(9)));
    }

    #[test]
    fn all_requests_share_one_budget() {
        let retries = Retries::new(u32::MAX);
        let mut tries = retries.begin();
        let made = std::iter::from_fn(|| tries.next(Verdict::Again(Duration::ZERO))).count();
        assert_eq!(made, 100);
        let earned: Vec<_> = (0..5).map(|_| retries.begin()).collect();
        assert!(tries.next(Verdict::Again(Duration::ZERO)).is_some());
        assert!(tries.next(Verdict::Again(Duration::ZERO)).is_none());
        drop(earned);
    }
}
