//! Ids of requests: UUIDs of version 4 (RFC 9562 §5.4), made of a seed per process and a counter. Cheap
//! enough for the hit path.

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
        let (high, low) = (mixed(self.process ^ number), mixed(!self.process ^ number));
        let (high, low) = (high & !(0xF << 12) | 4 << 12, low & !(3 << 62) | 2 << 62);
        let id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF,
        );
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}

/// Spreads each bit over all of them, one to one (the finaliser of `SplitMix64`).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
