//! Whether a stored response may answer a request (RFC 9111 §4). The stored response has been selected
//! already by its key: see `cache_key::matches` and `StoredResponse::most_recent`.

use std::time::{Duration, SystemTime};

use http::{HeaderName, Method, request};

use super::{
    cache_control::CacheControl, cache_key, freshness, policy::Policy, status,
    stored_response::StoredResponse,
};

pub use super::forward_reason::ForwardReason;

/// What to do with a request for which a response is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Serve it.
    Fresh {
        /// Its current age, for the `Age` field.
        age: Duration,
        /// How much longer it stays fresh.
        ttl: Duration,
    },
    /// Serve it although stale.
    Stale {
        /// Its current age, for the `Age` field.
        age: Duration,
        /// What allows it.
        allowance: Allowance,
    },
    /// Ask the origin whether it is still current; without a validator that is the request as it is.
    Validate(ForwardReason),
    /// Forward the request as if nothing were stored.
    Forward(ForwardReason),
}

impl Reuse {
    /// How much longer a response stays fresh that may be served because it is.
    #[must_use]
    pub const fn fresh_for(&self) -> Option<Duration> {
        match self {
            Self::Fresh { ttl, .. } => Some(*ttl),
            _ => None,
        }
    }
}

/// What allows a stale response to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The request's `max-stale`.
    MaxStale,
    /// The response's `stale-while-revalidate`: revalidate it in the background.
    StaleWhileRevalidate,
}

/// Whether `stored` may answer `request` at `now`.
///
/// "When presented with a request, a cache MUST NOT reuse a stored response unless" all of the
/// conditions of §4 hold; URI and nominated fields are the caller's.
#[must_use]
pub fn reuse(
    request: &request::Parts,
    stored: &StoredResponse,
    policy: &Policy,
    now: SystemTime,
) -> Reuse {
    let judged = Judged::of(request, stored, policy, now);
    // "the request method associated with the stored response allows it to be used for the presented
    // request"
    if !is_read(&request.method) {
        return Reuse::Forward(ForwardReason::Method);
    }
    if !is_shareable(&judged.response, stored) {
        return Reuse::Forward(ForwardReason::Miss);
    }
    // "the stored response does not contain the no-cache directive (Section 5.2.2.4), unless it is
    // successfully validated"
    if judged.response.no_cache() || contains(stored, judged.response.no_cache_fields()) {
        return Reuse::Validate(ForwardReason::Stale);
    }
    if judged.request_wants_validation() {
        return Reuse::Validate(ForwardReason::Request);
    }
    // "response_is_fresh = (freshness_lifetime > current_age)" (§4.2)
    match judged.lifetime.checked_sub(judged.age) {
        Some(ttl) if !ttl.is_zero() => judged.fresh(ttl),
        _ => judged.stale(),
    }
}

/// Whether `stored` may be served because the origin failed, at whatever age (§4.2.4, RFC 5861 §4).
///
/// Where both sides limit it by `stale-if-error` the smaller limit counts, where neither does the
/// policy decides. A request's `max-age` and `min-fresh` are preferences that a failed origin
/// overrides; its `no-cache` is not, unless it says `stale-if-error` too.
#[must_use]
pub fn may_serve_stale_on_error(
    request: &request::Parts,
    stored: &StoredResponse,
    policy: &Policy,
    now: SystemTime,
) -> bool {
    let judged = Judged::of(request, stored, policy, now);
    let requested = judged.request.stale_if_error();
    if !is_read(&request.method)
        || !is_shareable(&judged.response, stored)
        || judged.response.forbids_stale()
        || contains(stored, judged.response.no_cache_fields())
        || (judged.request.no_cache() && requested.is_none())
    {
        return false;
    }
    match (requested, judged.response.stale_if_error()) {
        (None, None) => policy.stale_if_error,
        (requested, offered) => {
            judged.staleness()
                <= requested
                    .unwrap_or(Duration::MAX)
                    .min(offered.unwrap_or(Duration::MAX))
        }
    }
}

/// Whether the request "only wishes to obtain a stored response": it gets 504 where it would have to be
/// forwarded (§5.2.1.7).
#[must_use]
pub fn only_if_cached(request: &request::Parts) -> bool {
    CacheControl::from_fields(&request.headers).only_if_cached()
}

/// Both sides' directives, and the two durations that freshness compares.
struct Judged {
    request: CacheControl,
    response: CacheControl,
    age: Duration,
    lifetime: Duration,
}

impl Judged {
    fn of(
        request: &request::Parts,
        stored: &StoredResponse,
        policy: &Policy,
        now: SystemTime,
    ) -> Self {
        let response = CacheControl::from_fields(&stored.fields);
        Self {
            request: CacheControl::of_request(&request.headers),
            age: freshness::current_age(stored, now),
            lifetime: freshness::lifetime(&response, stored, policy),
            response,
        }
    }

    fn staleness(&self) -> Duration {
        self.age.saturating_sub(self.lifetime)
    }

    /// `no-cache`, or `max-age`: "the client prefers a response whose age is less than or equal to the
    /// specified number of seconds" (§5.2.1.1). A `max-age` of zero asks for validation whatever the
    /// fraction of a second that has passed.
    fn request_wants_validation(&self) -> bool {
        self.request.no_cache()
            || self
                .request
                .max_age()
                .is_some_and(|limit| limit.is_zero() || self.age > limit)
    }

    /// "the client prefers a response whose freshness lifetime is no less than its current age plus
    /// the specified time in seconds" (§5.2.1.3)
    fn fresh(&self, ttl: Duration) -> Reuse {
        if self.request.min_fresh().is_some_and(|wanted| ttl < wanted) {
            return Reuse::Validate(ForwardReason::Request);
        }
        Reuse::Fresh { age: self.age, ttl }
    }

    /// "A cache MUST NOT generate a stale response unless it is disconnected or doing so is explicitly
    /// permitted by the client or origin server" (§4.2.4).
    fn stale(&self) -> Reuse {
        match self.allowance() {
            Some(allowance) if !self.response.forbids_stale() => Reuse::Stale {
                age: self.age,
                allowance,
            },
            _ => Reuse::Validate(ForwardReason::Stale),
        }
    }

    fn allowance(&self) -> Option<Allowance> {
        let staleness = self.staleness();
        if self.request.min_fresh().is_some() {
            return None;
        }
        // "If a value is present, then the client is willing to accept a response that has exceeded its
        // freshness lifetime by no more than the specified number of seconds." (§5.2.1.2)
        match self.request.max_stale() {
            Some(None) => return Some(Allowance::MaxStale),
            Some(Some(limit)) if staleness <= limit => return Some(Allowance::MaxStale),
            _ => {}
        }
        // "Unless the max-stale request directive is also present, the client does not wish to receive
        // a stale response." (§5.2.1.1)
        let unwished = self.request.max_age().is_some() && self.request.max_stale().is_none();
        let window = self
            .response
            .stale_while_revalidate()
            .filter(|_| !unwished)?;
        (staleness <= window).then_some(Allowance::StaleWhileRevalidate)
    }
}

/// `HEAD` is answered from a stored `GET` (RFC 9110 §9.3.2).
fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether a shared cache may have stored the response at all: it may have come in by a door with other
/// rules.
fn is_shareable(response: &CacheControl, stored: &StoredResponse) -> bool {
    let is_understood = response.must_understand() && status::is_understood(stored.status);
    let forbidden = response.private()
        || contains(stored, response.private_fields())
        || (response.no_store() && !is_understood)
        || (response.must_understand() && !is_understood)
        || stored.status == http::StatusCode::PARTIAL_CONTENT;
    // "A shared cache MUST NOT use a cached response to a request with an Authorization header field
    // […] to satisfy any subsequent request unless the response contains a Cache-Control field with a
    // response directive […] that allows it to be stored by a shared cache" (§3.5)
    !forbidden && (response.allows_sharing() || !cache_key::was_authorised(&stored.nominated))
}

fn contains(stored: &StoredResponse, names: &[HeaderName]) -> bool {
    names.iter().any(|name| stored.fields.contains_key(name))
}
