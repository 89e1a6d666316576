//! [`MemoryStore`]: a store in memory, for examples and tests of the layers. It keeps everything for
//! ever and gives a body out only when all of it has arrived; a product brings a store of its own.
//!
//! ```
//! use artifact_cache_layers::{
//!     cache::Store as _,
//!     memory::{MemoryStore, get},
//!     semantics::cache_key::CacheKey,
//! };
//!
//! let store = MemoryStore::default();
//! let key = CacheKey::of(&"http://example.com/artifact".parse()?);
//! assert!(store.stored(&key)?.is_none());
//! assert!(get("no absolute URI").is_err());
//! # Ok::<(), artifact_cache_layers::body::BoxError>(())
//! ```

mod answer;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Request, StatusCode, request, response};

pub use self::answer::MemorySink;
use self::answer::{Answer, Head};
use crate::{
    body::{Body, BoxError},
    cache::{Content, Pinned, Store, Stored, StoredSet},
    digest::Sha256,
    extensions::{Asked, Delivery, Mode, Target},
    semantics::{
        cache_key::{self, CacheKey},
        policy::Policy,
        storable::{Storable, storable},
        stored_response::{StoredResponse, fields_to_store},
        target_uri::{InvalidTargetUri, TargetUri},
    },
    tee::{Admission, Admit, Kept, Task},
};

/// A forwarded GET request for `uri`, as the `target` layer would mark it.
///
/// # Errors
/// When `uri` is not an absolute URI.
pub fn get(uri: &str) -> Result<Request<Body>, InvalidTargetUri> {
    let uri: TargetUri = uri.parse()?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.to_uri();
    let target = Target {
        signed: None,
        uri,
        mode: Mode::Forward,
        expect: None,
        delivery: Delivery::Hold,
    };
    request.extensions_mut().insert(target);
    Ok(request)
}

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sets: HashMap<CacheKey, MemorySet>,
    bodies: HashMap<Sha256, Bytes>,
    hits: u64,
    writes: u64,
}

/// The responses of one URL.
#[derive(Clone)]
pub struct MemorySet {
    revision: u64,
    responses: Arc<Vec<Stored>>,
}

/// A stored body.
#[derive(Clone)]
pub struct MemoryContent(Bytes);

impl MemoryStore {
    /// Hits counted so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.lock().hits
    }

    /// Loses every body, as a damaged disk would.
    pub fn lose_bodies(&self) {
        self.lock().bodies.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `response` in the place of the one that answered the same requests.
    fn put(&self, uri: &TargetUri, response: StoredResponse) {
        let is_other = |other: &&Stored| other.response.nominated != response.nominated;
        let mut state = self.lock();
        let key = CacheKey::of(uri);
        let before = state.sets.get(&key);
        let others = before.into_iter().flat_map(|set| set.responses.iter());
        let others: Vec<_> = others.filter(is_other).cloned().collect();
        let newest = [Stored::from(response)];
        state.write(key, newest.into_iter().chain(others).collect());
    }
}

impl State {
    fn write(&mut self, key: CacheKey, responses: Vec<Stored>) {
        self.writes += 1;
        let set = MemorySet {
            revision: self.writes,
            responses: Arc::new(responses),
        };
        self.sets.insert(key, set);
    }
}

impl StoredSet for MemorySet {
    fn responses(&self) -> &[Stored] {
        &self.responses
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Content for MemoryContent {
    fn body(&self, range: Range<u64>) -> Body {
        Body::from(slice(&self.0, &range))
    }
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(bound(range.start)..bound(range.end))
}

impl Store for MemoryStore {
    type Set = MemorySet;
    type Content = MemoryContent;

    fn stored(&self, key: &CacheKey) -> Result<Option<MemorySet>, BoxError> {
        Ok(self.lock().sets.get(key).cloned())
    }

    async fn open(&self, response: &StoredResponse) -> Result<Option<MemoryContent>, BoxError> {
        Ok(self
            .lock()
            .bodies
            .get(&response.digest)
            .cloned()
            .map(MemoryContent))
    }

    fn pinned(&self, key: &CacheKey, digest: &Sha256) -> Result<Option<Pinned>, BoxError> {
        let state = self.lock();
        let mut all = state
            .sets
            .iter()
            .flat_map(|(key, set)| set.responses.iter().map(move |one| (key, one)));
        let found = all.find(|(_, stored)| stored.response.digest == *digest);
        Ok(found.map(|(of, stored)| Pinned {
            response: stored.response.clone(),
            is_alias: of != key,
        }))
    }

    async fn update(&self, uri: &TargetUri, response: StoredResponse) -> Result<(), BoxError> {
        self.put(uri, response);
        Ok(())
    }

    async fn invalidate(&self, uri: &TargetUri) -> Result<(), BoxError> {
        let mut state = self.lock();
        let key = CacheKey::of(uri);
        let Some(set) = state.sets.get(&key).cloned() else {
            return Ok(());
        };
        let invalidated = set.responses.iter().cloned().map(|stored| Stored {
            invalidated: true,
            ..stored
        });
        state.write(key, invalidated.collect());
        Ok(())
    }

    async fn lost(&self, digest: &Sha256) -> Result<(), BoxError> {
        self.lock().sets.retain(|_, set| {
            set.responses
                .iter()
                .all(|one| one.response.digest != *digest)
        });
        Ok(())
    }

    fn count_hit(&self, _set: &MemorySet) {
        self.lock().hits += 1;
    }
}

impl Admit for MemoryStore {
    type Sink = MemorySink;

    async fn admit(
        &self,
        request: &request::Parts,
        response: &response::Parts,
        _kept: Option<Kept>,
    ) -> Admission<MemorySink> {
        let Some(target) = request.extensions.get::<Target>() else {
            return Admission::Pass("no-target");
        };
        let policy = Policy {
            max_heuristic: std::time::Duration::from_hours(1),
            heuristic_errors: false,
            stale_if_error: true,
            ..Policy::default()
        };
        match storable(request, response, &policy) {
            _ if target.mode.is_archive() && response.status == StatusCode::OK => {}
            Storable::DoNot(reason) => return Admission::Pass(reason.as_str()),
            Storable::Store if target.mode.is_archive() => return Admission::Pass("status"),
            Storable::Store => {}
        }
        let time = match request.extensions.get::<Asked>() {
            Some(Asked(time)) => *time,
            None => SystemTime::now(),
        };
        let head = Head {
            status: response.status,
            fields: fields_to_store(&response.headers, time),
            nominated: cache_key::nominated(&response.headers, &request.headers)
                .unwrap_or_default(),
            time,
        };
        let answer = Arc::new(Answer::new(head));
        Admission::Keep(MemorySink::new(self.clone(), target.uri.clone(), answer))
    }

    fn spawn(&self, fill: Task) {
        tokio::spawn(fill);
    }
}
