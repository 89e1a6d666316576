//! Marks the answers that may be given again: whole ones, from the store, to the second.

use std::time::Duration;

use http::{Method, Response, header};

use super::{
    exchange::Exchange,
    store::{Store, Stored},
};
use crate::{
    body::Body,
    extensions::{Once, Repeatable},
    semantics::freshness,
};

const SECOND: Duration = Duration::from_secs(1);

impl<S, T: Store> Exchange<S, T> {
    /// Lets a hit be given again for as long as its head stays the same: `Age` counts whole seconds, and
    /// so does the `ttl` of a response that becomes stale. Within one second neither turns, and with them
    /// no directive of the request that is compared with them.
    pub(super) fn mark_repeatable(
        &self,
        response: &mut Response<Body>,
        stored: &Stored,
        ttl: Option<Duration>,
    ) {
        let is_whole = self.head.method == Method::GET
            && self.head.extensions.get::<Once>().is_none()
            && response.status() == stored.response.status
            && !response.headers().contains_key(header::CONTENT_RANGE);
        let Some(set) = self.set.as_ref().filter(|_| is_whole) else {
            return;
        };
        let now = (self.rules.now)();
        let age = below_second(freshness::current_age(&stored.response, now));
        let until = now
            + ttl
                .map_or(SECOND, below_second)
                .min(SECOND.saturating_sub(age));
        if let Some(bytes) = self.store.repeat(set, &stored.response) {
            let repeatable = Repeatable { until, bytes };
            response.extensions_mut().insert(repeatable);
        }
    }
}

fn below_second(duration: Duration) -> Duration {
    Duration::from_nanos(duration.subsec_nanos().into())
}
