//! Ids of requests: unpredictable per process, counted within it. Cheap enough for the hit path.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

/// Makes an id for each request that brings none. Clones count together.
#[derive(Clone)]
pub struct RequestIds {
    process: u64,
    next: Arc<AtomicU64>,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self {
            process: RandomState::new().hash_one(0),
            next: Arc::default(),
        }
    }
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _request: &Request<B>) -> Option<RequestId> {
        // Only distinct, not ordered with anything.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{number:08x}", self.process);
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}
