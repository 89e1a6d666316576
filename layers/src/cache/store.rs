//! [`Store`]: what the `cache` layer needs of a store. The product implements it over LMDB and files.

use std::{
    future::Future,
    ops::Range,
    sync::{Arc, OnceLock},
};

use http::HeaderMap;

use crate::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::Repeat,
    semantics::{
        cache_key::CacheKey, class::Class, stored_response::StoredResponse, target_uri::TargetUri,
    },
};

/// One stored response of a URL.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The response.
    pub response: StoredResponse,
    /// Whether an unsafe request has invalidated it (RFC 9111 §4.4): it must be validated before reuse.
    pub invalidated: bool,
    /// The class of the URL, found by the first request that asks.
    pub class: OnceLock<Class>,
    /// The fields of an answer by archive rules, prepared by the first hit.
    pub prepared: OnceLock<HeaderMap>,
}

impl From<StoredResponse> for Stored {
    /// A response that nothing has invalidated.
    fn from(response: StoredResponse) -> Self {
        Self {
            response,
            invalidated: false,
            class: OnceLock::new(),
            prepared: OnceLock::new(),
        }
    }
}

/// The stored responses of one URL, as one read found them.
pub trait StoredSet: Clone + Send + Sync + 'static {
    /// The responses, newest first.
    fn responses(&self) -> &[Stored];
    /// Changes with every write of the set; never zero.
    fn revision(&self) -> u64;
}

impl<T: StoredSet> StoredSet for Arc<T> {
    fn responses(&self) -> &[Stored] {
        T::responses(self)
    }

    fn revision(&self) -> u64 {
        T::revision(self)
    }
}

/// The bytes of one stored body, open for reading.
pub trait Content: Clone + Send + Sync + 'static {
    /// A body of the bytes of `range`.
    fn body(&self, range: Range<u64>) -> Body;
}

/// A response with a pinned digest that is not the URL's newest.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The response.
    pub response: StoredResponse,
    /// Whether another URL served these bytes.
    pub is_alias: bool,
}

/// A response of which only the beginning is there (RFC 9111 §3.3).
#[derive(Clone, Debug)]
pub struct Part<C> {
    /// The response. Its length is that of the whole; its digest says nothing.
    pub response: StoredResponse,
    /// The bytes that are there.
    pub content: C,
    /// How many those are.
    pub available: u64,
}

/// Where responses are kept. Cheap to clone.
pub trait Store: Clone + Send + Sync + 'static {
    /// What one read finds.
    type Set: StoredSet;
    /// An open body.
    type Content: Content;

    /// The responses stored under `key`. On the path of every hit: answers at once, waits for no write.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stored(&self, key: &CacheKey) -> Result<Option<Self::Set>, BoxError>;

    /// Opens the bytes of `response`; `None` when they are gone or damaged.
    fn open(
        &self,
        response: &StoredResponse,
    ) -> impl Future<Output = Result<Option<Self::Content>, BoxError>> + Send;

    /// A response with `digest` from the history of `key` or, failing that, of any public URL.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn pinned(&self, key: &CacheKey, digest: &Sha256) -> Result<Option<Pinned>, BoxError>;

    /// What an interrupted transfer left of a response under `key`, when nobody continues it now.
    fn part(&self, key: &CacheKey) -> impl Future<Output = Option<Part<Self::Content>>> + Send {
        let _ = key;
        std::future::ready(None)
    }

    /// Stores a response whose bytes are in the store already: freshened, or found under another URL.
    fn update(
        &self,
        uri: &TargetUri,
        response: StoredResponse,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Marks the responses of `uri` as invalidated.
    fn invalidate(&self, uri: &TargetUri) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// The bytes with `digest` are gone or damaged: every response with them becomes a miss.
    fn lost(&self, digest: &Sha256) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Counts a hit; never waits.
    fn count_hit(&self, set: &Self::Set);

    /// A way to the whole bytes of `response` of `set` for an answer that is given again, when the store
    /// can tell that the set was not written since.
    fn repeat(&self, set: &Self::Set, response: &StoredResponse) -> Option<Arc<dyn Repeat>> {
        let _ = (set, response);
        None
    }
}
