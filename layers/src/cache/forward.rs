//! Forwarded requests, by RFC 9111: reuse what may be reused, validate what must be, forward the rest.

mod origin;
mod part;

use http::{Method, Request, Response};
use http_body::Body as _;
use tower_service::Service;

use super::{
    OnlyIfCached,
    answer::Head,
    exchange::Exchange,
    status,
    store::{Store, Stored, StoredSet},
};
use crate::{
    body::{Body, BoxError},
    cause::is_caused_by,
    extensions::Served,
    failure::Superseded,
    semantics::{
        cache_key,
        cache_status::CacheStatus,
        class::Class,
        freshness,
        reuse::{self, Allowance, ForwardReason, Reuse},
        stored_response::StoredResponse,
        validation,
    },
};

/// Times that a request looks into the store again because an answer was stored meanwhile.
const LOOKS: u32 = 4;

type Answer = Result<Response<Body>, BoxError>;

/// What to do next.
enum Step {
    Answer(Response<Body>),
    /// The origin is asked; the stored response may be confirmed, or served stale when that fails.
    Ask(ForwardReason, Option<StoredResponse>),
}

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    T: Store,
{
    /// Answers a forwarded request. What a hit does not need is boxed, here and below: the future of a
    /// hit stays small, and it is what every request pays for.
    pub(super) async fn forward(&mut self, body: Body) -> Answer {
        let is_read = matches!(self.head.method, Method::GET | Method::HEAD);
        if !is_read
            || !body.is_end_stream()
            || validation::must_forward_precondition(&self.head.headers)
        {
            let reason = if is_read {
                ForwardReason::Request
            } else {
                ForwardReason::Method
            };
            return Box::pin(self.pass(body, reason)).await;
        }
        for _ in 0..LOOKS {
            let (reason, stored) = match self.reuse().await? {
                Step::Answer(response) => return Ok(response),
                Step::Ask(reason, stored) => (reason, stored),
            };
            let (reason, stored) = match stored {
                None => match Box::pin(self.try_part(reason)).await {
                    Step::Answer(response) => return Ok(response),
                    Step::Ask(reason, stored) => (reason, stored),
                },
                stored => (reason, stored),
            };
            if reuse::only_if_cached(&self.head) {
                return Err(OnlyIfCached.into());
            }
            match Box::pin(self.ask(reason, stored)).await {
                Err(error) if is_caused_by::<Superseded>(&*error) => {}
                answer => return answer,
            }
        }
        Box::pin(self.pass(body, ForwardReason::Miss)).await
    }

    /// Looks for a stored response and judges it.
    async fn reuse(&mut self) -> Result<Step, BoxError> {
        self.look()?;
        let Some(set) = self.set.clone() else {
            return Ok(Step::Ask(ForwardReason::UriMiss, None));
        };
        let request = &self.head.headers;
        let suitable = |stored: &&Stored| cache_key::matches(&stored.response.nominated, request);
        let Some(stored) = most_recent(set.responses().iter().filter(suitable)) else {
            return Ok(Step::Ask(ForwardReason::VaryMiss, None));
        };
        let class = stored
            .class
            .get_or_init(|| (self.rules.class)(&self.target.uri));
        if *class == Class::Bypass {
            return Ok(Step::Ask(ForwardReason::Bypass, None));
        }
        let policy = self.rules.policy(*class);
        let verdict = match reuse::reuse(&self.head, &stored.response, &policy, self.now()) {
            Reuse::Fresh { .. } | Reuse::Stale { .. } if stored.invalidated => {
                Reuse::Validate(ForwardReason::Stale)
            }
            verdict => verdict,
        };
        let ttl = verdict.fresh_for();
        let mut step = self.judge(verdict, &stored.response).await?;
        if let Step::Answer(answer) = &mut step {
            self.store.count_hit(&set);
            if ttl.is_some() {
                self.mark_repeatable(answer, stored, ttl);
            }
        }
        Ok(step)
    }

    async fn judge(&mut self, verdict: Reuse, stored: &StoredResponse) -> Result<Step, BoxError> {
        let (how, served) = match verdict {
            Reuse::Fresh { ttl, .. } => (CacheStatus::hit().ttl(seconds(ttl)), Served::Hit),
            Reuse::Stale { allowance, .. } => {
                if allowance == Allowance::StaleWhileRevalidate {
                    self.revalidate_in_background(stored);
                }
                (CacheStatus::hit().detail("stale"), Served::Stale)
            }
            Reuse::Validate(reason) => return Ok(Step::Ask(reason, Some(stored.clone()))),
            Reuse::Forward(reason) => return Ok(Step::Ask(reason, None)),
        };
        Ok(match self.serve(stored, &how, served).await? {
            Some(response) => Step::Answer(response),
            None => Step::Ask(ForwardReason::Miss, None),
        })
    }

    /// The answer from the store; `None` when the bytes are gone.
    async fn serve(
        &mut self,
        stored: &StoredResponse,
        how: &CacheStatus,
        served: Served,
    ) -> Result<Option<Response<Body>>, BoxError> {
        let Some(content) = self.open(stored).await? else {
            return Ok(None);
        };
        let mut fields = stored.fields.clone();
        status::set_age(&mut fields, freshness::current_age(stored, self.now()));
        let head = Head {
            status: stored.status,
            fields,
        };
        let mut response = self.answer_from_store(&content, stored.length, head);
        status::describe(&mut response, self.rules.name, how, served);
        Ok(Some(response))
    }
}

/// The one to use of several that suit a request (RFC 9111 §4); a single one, as is usual, is not asked
/// for its date.
fn most_recent<'a>(mut suitable: impl Iterator<Item = &'a Stored>) -> Option<&'a Stored> {
    let newest_write = suitable.next()?;
    let by_date = |stored: &&Stored| (stored.response.date(), stored.response.response_time);
    Some(suitable.fold(newest_write, |best, next| {
        if by_date(&next) > by_date(&best) {
            next
        } else {
            best
        }
    }))
}

fn seconds(ttl: std::time::Duration) -> i64 {
    i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)
}
