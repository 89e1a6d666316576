//! `Circuits`: leaves an origin alone for a while after it failed several times in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artifact_cache_layers::semantics::target_uri::TargetUri;
use tokio::time::Instant;

use super::{Reason, UpstreamFailure};

/// Failing origins remembered at once. Further ones are asked as if they had never failed.
const CAPACITY: usize = 4096;

/// One circuit for each origin that failed lately; an origin without one is well.
pub(super) struct Circuits {
    most_failures: u32,
    open_for: Duration,
    failing: Mutex<HashMap<Origin, Circuit>>,
}

type Origin = (String, String, u16);

#[derive(Clone, Copy, Debug, Default)]
struct Circuit {
    failures: u32,
    /// Set while the circuit is open: no request goes out before.
    refuses_until: Option<Instant>,
}

/// The right to ask an origin once. Dropped without a word it leaves the circuit as it is, except
/// that a probe makes room for the next one.
pub(super) struct Permit<'a> {
    circuits: &'a Circuits,
    origin: Origin,
    admitted: Instant,
    is_probe: bool,
}

impl Circuits {
    /// Circuits that open after `most_failures` in a row, never when that is 0.
    pub(super) fn new(most_failures: u32, open_for: Duration) -> Self {
        Self {
            most_failures,
            open_for,
            failing: Mutex::default(),
        }
    }

    /// Leave to ask the origin of `uri`. After the rest one request may probe; the others go on
    /// being refused until it is known how the probe went.
    pub(super) fn admit(
        &self,
        uri: &TargetUri,
        now: Instant,
    ) -> Result<Permit<'_>, UpstreamFailure> {
        let origin = (uri.scheme().into(), uri.host().into(), uri.port());
        let mut failing = self.lock();
        let open = failing
            .get_mut(&origin)
            .and_then(|circuit| circuit.refuses_until.as_mut());
        let is_probe = open.is_some();
        if let Some(until) = open {
            if *until > now {
                let mut failure = UpstreamFailure::new(Reason::CircuitOpen);
                failure.retry_after = Some(*until - now);
                return Err(failure);
            }
            *until = now + self.open_for;
        }
        drop(failing);
        Ok(Permit {
            circuits: self,
            origin,
            admitted: now,
            is_probe,
        })
    }

    fn failed(&self, origin: Origin, now: Instant) {
        let mut failing = self.lock();
        if failing.len() >= CAPACITY && !failing.contains_key(&origin) {
            failing.retain(|_, circuit| circuit.refuses_until.is_some());
            if failing.len() >= CAPACITY {
                return;
            }
        }
        let circuit = failing.entry(origin).or_default();
        circuit.failures = circuit.failures.saturating_add(1);
        if self.most_failures > 0 && circuit.failures >= self.most_failures {
            circuit.refuses_until = Some(now + self.open_for);
        }
    }

    /// How many circuits are open at `now`.
    pub(super) fn open_at(&self, now: Instant) -> u64 {
        let failing = self.lock();
        let open = failing
            .values()
            .filter(|circuit| circuit.refuses_until.is_some_and(|until| until > now));
        open.count() as u64
    }

    /// The authorities whose circuits are open at `now`, each with how long it still is.
    pub(super) fn resting(&self, now: Instant) -> Vec<(String, Duration)> {
        let failing = self.lock();
        let open = failing.iter().filter_map(|((_, host, port), circuit)| {
            let until = circuit.refuses_until.filter(|until| *until > now)?;
            Some((format!("{host}:{port}"), until - now))
        });
        open.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Circuit>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The origin was reached, whatever it answered.
    pub(super) fn answered(mut self) {
        self.is_probe = false;
        self.circuits.lock().remove(&self.origin);
    }

    /// The origin could not be reached or kept silent.
    pub(super) fn failed(mut self, now: Instant) {
        self.is_probe = false;
        self.circuits.failed(std::mem::take(&mut self.origin), now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(circuit) = self.circuits.lock().get_mut(&self.origin)
        {
            circuit.refuses_until = Some(self.admitted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(10);

    fn uri(text: &str) -> TargetUri {
        text.parse().unwrap()
    }

    fn ask(circuits: &Circuits, now: Instant) -> Result<Permit<'_>, UpstreamFailure> {
        circuits.admit(&uri("http://a.example/"), now)
    }

    fn opened(now: Instant) -> Circuits {
        let circuits = Circuits::new(3, OPEN);
        for path in ["x", "y", "z"] {
            let uri = uri(&format!("http://a.example/{path}"));
            circuits.admit(&uri, now).unwrap().failed(now);
        }
        circuits
    }

    #[test]
    fn failures_in_a_row_open_the_circuit_of_that_origin_only() {
        let now = Instant::now();
        let circuits = opened(now);
        let failure = ask(&circuits, now).err().unwrap();
        assert_eq!(failure.reason, Reason::CircuitOpen);
        assert_eq!(failure.retry_after, Some(OPEN));
        for other in [
            "https://a.example/",
            "http://a.example:81/",
            "http://b.example/",
        ] {
            assert!(circuits.admit(&uri(other), now).is_ok());
        }
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (circuits, now) = (Circuits::new(2, OPEN), Instant::now());
        ask(&circuits, now).unwrap().failed(now);
        ask(&circuits, now).unwrap().answered();
        ask(&circuits, now).unwrap().failed(now);
        assert!(ask(&circuits, now).is_ok());
    }

    #[test]
    fn one_probe_goes_out_and_decides() {
        let start = Instant::now();
        let circuits = opened(start);
        let later = start + OPEN;
        let probe = ask(&circuits, later).unwrap();
        assert!(ask(&circuits, later).is_err(), "one probe at a time");
        probe.failed(later);
        let refused = ask(&circuits, later + OPEN / 2);
        assert!(
            refused.is_err(),
            "it failed: refused for the whole time again"
        );
        ask(&circuits, later + OPEN).unwrap().answered();
        assert!(ask(&circuits, later + OPEN).is_ok());
        assert!(circuits.lock().is_empty());
    }

    #[test]
    fn a_probe_that_was_given_up_makes_room_for_the_next() {
        let start = Instant::now();
        let circuits = opened(start);
        drop(ask(&circuits, start + OPEN).unwrap());
        assert!(ask(&circuits, start + OPEN).is_ok());
    }

    #[test]
    fn zero_failures_switch_it_off() {
        let (circuits, now) = (Circuits::new(0, OPEN), Instant::now());
        for _ in 0..100 {
            ask(&circuits, now).unwrap().failed(now);
        }
        assert!(ask(&circuits, now).is_ok());
    }

    #[test]
    fn many_failing_origins_are_not_all_remembered() {
        let (circuits, now) = (Circuits::new(1, OPEN), Instant::now());
        for port in 1..=5000 {
            let uri = uri(&format!("http://a.example:{port}/"));
            circuits.admit(&uri, now).unwrap().failed(now);
        }
        assert_eq!(circuits.lock().len(), CAPACITY);
    }
}
