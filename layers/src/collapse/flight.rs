//! One request to an origin and everyone who waits for its answer.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Request, header, response};
use http_body::Body as _;
use tokio::sync::watch;

use crate::{
    body::Body,
    digest::Sha256,
    extensions::Target,
    semantics::cache_key::Nominated,
    share::{Share, SharedError},
};

/// Number of independently locked parts of the table: well above the number of cores.
const SHARDS: usize = 64;

/// What requests must have in common to be given one answer: the target URI, the rules by which it is
/// judged whether the answer may be shared, and the fields that choose among its representations or
/// make the request conditional.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct FlightKey(Sha256);

impl FlightKey {
    /// The key of a request that may be given another request's answer; `None` for one that may not.
    pub(super) fn of(request: &Request<Body>) -> Option<Self> {
        let target = request.extensions().get::<Target>()?;
        let fields = request.headers();
        // These make the answer personal, partial or dependent on the exact state of the origin.
        let own = [
            header::AUTHORIZATION,
            header::RANGE,
            header::IF_MATCH,
            header::IF_UNMODIFIED_SINCE,
        ];
        let shareable = request.method() == Method::GET
            && request.body().is_end_stream()
            && !own.iter().any(|name| fields.contains_key(name));
        shareable.then(|| {
            let rules = if target.mode.is_archive() {
                "archive "
            } else {
                ""
            };
            let mut text = [rules, target.uri.as_str()].concat().into_bytes();
            for name in [
                header::ACCEPT_ENCODING,
                header::IF_NONE_MATCH,
                header::IF_MODIFIED_SINCE,
            ] {
                text.push(b'\n');
                fields
                    .get_all(name)
                    .iter()
                    .for_each(|value| text.extend_from_slice(value.as_bytes()));
            }
            Self(Sha256::of(&text))
        })
    }
}

/// What became of a flight.
#[derive(Clone)]
pub(super) enum Outcome {
    /// The head of the answer has not arrived.
    Waiting,
    /// Everyone may be given this answer.
    Shared(Arc<dyn Share>),
    /// The answer is its head; whoever sent the nominated fields may be given a copy.
    Head(Arc<response::Parts>, Nominated),
    /// The answer is for the one who asked; everyone else asks for themselves.
    Alone,
    /// The origin could not be asked.
    Failed(SharedError),
}

/// The flights that are under way. Clones share the table.
#[derive(Clone)]
pub(super) struct Table(Arc<Shards>);

struct Shards {
    hasher: RandomState,
    shards: [Mutex<HashMap<FlightKey, watch::Receiver<Outcome>>>; SHARDS],
}

/// What a request finds in the table.
pub(super) enum Place {
    /// Nobody asks: this request leads.
    Leader(Landing),
    /// Somebody asks already.
    Follower(watch::Receiver<Outcome>),
}

/// The leader's end of a flight. The flight leaves the table when this is dropped.
pub(super) struct Landing {
    table: Table,
    key: FlightKey,
    outcome: watch::Sender<Outcome>,
}

impl Table {
    pub(super) fn new() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Shards {
            hasher: RandomState::new(),
            shards,
        }))
    }

    pub(super) fn join(&self, key: FlightKey) -> Place {
        let mut shard = self.shard(&key);
        if let Some(flight) = shard.get(&key).filter(|flight| is_joinable(flight)) {
            return Place::Follower(flight.clone());
        }
        let (outcome, flight) = watch::channel(Outcome::Waiting);
        shard.insert(key, flight);
        Place::Leader(Landing {
            table: self.clone(),
            key,
            outcome,
        })
    }

    fn shard(
        &self,
        key: &FlightKey,
    ) -> MutexGuard<'_, HashMap<FlightKey, watch::Receiver<Outcome>>> {
        let shards = &self.0.shards;
        // The table stays consistent whatever panicked while it was locked: each use is one operation.
        let index = usize::try_from(self.0.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Landing {
    /// Tells everyone who waits.
    pub(super) fn tell(&self, outcome: Outcome) {
        self.outcome.send_replace(outcome);
    }
}

impl Drop for Landing {
    /// A later flight with the same key stays.
    fn drop(&mut self) {
        let mut shard = self.table.shard(&self.key);
        let own = self.outcome.subscribe();
        if shard
            .get(&self.key)
            .is_some_and(|flight| flight.same_channel(&own))
        {
            shard.remove(&self.key);
        }
    }
}

/// Whether a request may still be given the answer of `flight` from its first byte on. Once it failed,
/// those who ask again form a new flight rather than asking one by one.
fn is_joinable(flight: &watch::Receiver<Outcome>) -> bool {
    match &*flight.borrow() {
        Outcome::Shared(share) => share.is_open(),
        _ => true,
    }
}
