//! Answers from the beginning of a response whose transfer was interrupted: "A cache MUST NOT use an
//! incomplete response to answer requests unless the response has been made complete, or the request is
//! partial and specifies a range wholly within the incomplete response." (RFC 9111 §3.3) What is missing
//! is asked for further inside, and both are combined under their strong validator (§3.4).

use http::{Method, Request, Response, StatusCode, header};
use tower_service::Service;

use super::{Step, seconds};
use crate::{
    body::{Body, BoxError},
    cache::{
        answer::Head,
        exchange::Exchange,
        status,
        store::{Part, Store},
    },
    extensions::Served,
    semantics::{
        cache_key,
        cache_status::CacheStatus,
        class::Class,
        freshness,
        range::{self, Selected},
        reuse::{self, ForwardReason, Reuse},
    },
};

/// Said of an answer from a response that is not whole.
const DETAIL: &str = "partial";

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    T: Store,
{
    /// Answers from a part that is fresh and has the range; else the origin is asked, for `reason` where
    /// there is no part.
    pub(super) async fn try_part(&mut self, reason: ForwardReason) -> Step {
        let Some(part) = self.suitable_part().await else {
            return Step::Ask(reason, None);
        };
        let policy = self.rules.policy((self.rules.class)(&self.target.uri));
        match reuse::reuse(&self.head, &part.response, &policy, self.now()) {
            Reuse::Fresh { ttl, .. } if self.is_within(&part) => {
                let how = CacheStatus::hit().ttl(seconds(ttl)).detail(DETAIL);
                Step::Answer(self.answer_from_part(&part, &how, Served::Hit))
            }
            Reuse::Validate(ForwardReason::Request) => Step::Ask(ForwardReason::Request, None),
            _ => Step::Ask(ForwardReason::Partial, None),
        }
    }

    /// The origin failed: what is there stands in for it, unless something forbids that (§4.2.4).
    pub(super) async fn part_when_failed(&mut self, how: &CacheStatus) -> Option<Response<Body>> {
        let part = self.suitable_part().await?;
        let policy = self.rules.policy((self.rules.class)(&self.target.uri));
        let now = self.now();
        let is_allowed = reuse::may_serve_stale_on_error(&self.head, &part.response, &policy, now);
        (is_allowed && self.is_within(&part))
            .then(|| self.answer_from_part(&part, how, Served::Stale))
    }

    /// The part of the response that this request selects.
    async fn suitable_part(&mut self) -> Option<Part<T::Content>> {
        let is_bypassed = (self.rules.class)(&self.target.uri) == Class::Bypass;
        if self.head.method != Method::GET || is_bypassed {
            return None;
        }
        let part = self.store.part(&self.key).await?;
        cache_key::matches(&part.response.nominated, &self.head.headers).then_some(part)
    }

    /// Whether every byte that is asked for is there.
    fn is_within(&self, part: &Part<T::Content>) -> bool {
        let (head, response) = (&self.head, &part.response);
        let has_range = head.headers.contains_key(header::RANGE);
        let selected = range::select(
            &head.method,
            &head.headers,
            &response.fields,
            response.length,
        );
        has_range
            && response.status == StatusCode::OK
            && matches!(selected, Selected::One(range) if range.end <= part.available)
    }

    fn answer_from_part(
        &self,
        part: &Part<T::Content>,
        how: &CacheStatus,
        served: Served,
    ) -> Response<Body> {
        let response = &part.response;
        let mut fields = response.fields.clone();
        status::set_age(&mut fields, freshness::current_age(response, self.now()));
        let head = Head {
            status: response.status,
            fields,
        };
        let mut answer = self.answer_from_store(&part.content, response.length, head);
        status::describe(&mut answer, self.rules.name, how, served);
        answer
    }
}
