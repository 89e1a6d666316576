//! The way to the origin and back: validation, what its failure allows, and what passes by.

use std::time::SystemTime;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tower_service::Service;

use super::Answer;
use crate::{
    body::{Body, BoxError},
    cache::{answer::Head, exchange::Exchange, forwarded, status, store::Store},
    cause::is_caused_by,
    extensions::Served,
    failure::Superseded,
    semantics::{
        cache_status::CacheStatus,
        class::Class,
        invalidation,
        reuse::{self, ForwardReason},
        stored_response::StoredResponse,
        validation,
    },
    share::{Shared, Wanted},
};

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    T: Store,
{
    fn class(&self) -> Class {
        (self.rules.class)(&self.target.uri)
    }

    /// Asks the origin, conditionally when a stored response could be confirmed.
    pub(super) async fn ask(
        &mut self,
        reason: ForwardReason,
        stored: Option<StoredResponse>,
    ) -> Answer {
        if self.class() == Class::Bypass {
            return self.pass(Body::empty(), ForwardReason::Bypass).await;
        }
        let mut fields = self.upstream_fields();
        if let Some(stored) = &stored {
            replace_conditions(&mut fields, validation::conditional_fields(stored));
        }
        let asked = (self.rules.now)();
        let answer = self.send(self.request(fields)).await;
        let failed = match &answer {
            Ok(response) if response.status().is_server_error() => Some(Some(response.status())),
            Err(error) if !is_caused_by::<Superseded>(&**error) => Some(None),
            _ => None,
        };
        if let Some(status) = failed
            && let Some(stale) = self.stale(stored.as_ref(), status).await?
        {
            return Ok(stale);
        }
        let response = answer?;
        match stored {
            Some(stored)
                if response.status() == StatusCode::NOT_MODIFIED
                    && !validation::is_selected_by(&stored, response.headers()) =>
            {
                // It confirms something else than what is stored here.
                self.pass(Body::empty(), reason).await
            }
            Some(stored) if response.status() == StatusCode::NOT_MODIFIED => {
                self.confirmed(&stored, response.headers(), asked, reason)
                    .await
            }
            _ => self.forwarded(response, reason).await,
        }
    }

    /// The origin failed: a stale response is served unless something forbids it (RFC 9111 §4.2.4).
    async fn stale(
        &mut self,
        stored: Option<&StoredResponse>,
        status: Option<StatusCode>,
    ) -> Result<Option<Response<Body>>, BoxError> {
        let how = CacheStatus::forward(ForwardReason::Stale);
        let how = match status {
            Some(status) => how.fwd_status(status),
            None => how.detail("origin-unreachable"),
        };
        let Some(stored) = stored else {
            return Ok(self.part_when_failed(&how).await);
        };
        let policy = self.rules.policy(self.class());
        if !reuse::may_serve_stale_on_error(&self.head, stored, &policy, self.now()) {
            return Ok(None);
        }
        self.serve(stored, &how, Served::Stale).await
    }

    /// The origin confirmed the stored response (RFC 9111 §4.3.4).
    async fn confirmed(
        &mut self,
        stored: &StoredResponse,
        fields: &HeaderMap,
        asked: SystemTime,
        reason: ForwardReason,
    ) -> Answer {
        let fresh = validation::freshened(stored, fields, asked, self.now());
        // A store that takes nothing more does not make the answer worse.
        let is_stored = self.store.update(&self.target.uri, fresh.clone()).await;
        let how = CacheStatus::forward(reason)
            .fwd_status(StatusCode::NOT_MODIFIED)
            .stored(is_stored.is_ok());
        match self.serve(&fresh, &how, Served::Validated).await? {
            Some(response) => Ok(response),
            // The bytes vanished meanwhile: ask for them without a condition.
            None => self.pass(Body::empty(), ForwardReason::Miss).await,
        }
    }

    /// A new answer of the origin.
    async fn forwarded(&mut self, response: Response<Body>, reason: ForwardReason) -> Answer {
        match response.extensions().get::<Shared>().cloned() {
            Some(shared) => Ok(self.shared(&shared, reason).await),
            None => self.not_shared(response, reason).await,
        }
    }

    /// An answer whose body is on its way into the store.
    async fn shared(&mut self, shared: &Shared, reason: ForwardReason) -> Response<Body> {
        shared.share.expect(None);
        let head = Head {
            status: shared.share.status(),
            fields: shared.share.fields().clone(),
        };
        let mut response = self
            .answer_from_share(&shared.share, head, Wanted::default())
            .await;
        let how = CacheStatus::forward(reason)
            .fwd_status(shared.share.status())
            .stored(true)
            .collapsed(shared.collapsed);
        status::describe(&mut response, self.rules.name, &how, Served::Miss);
        response
    }

    /// An answer for this request alone. A whole one does not answer a question for a range: the origin
    /// is asked for that instead.
    async fn not_shared(&mut self, response: Response<Body>, reason: ForwardReason) -> Answer {
        let asks_range = self.head.headers.contains_key(header::RANGE);
        if asks_range && response.status() == StatusCode::OK && self.head.method == Method::GET {
            drop(response);
            return self.pass(Body::empty(), reason).await;
        }
        let (parts, body) = response.into_parts();
        let how = forwarded(reason, &parts);
        let mut response = Response::from_parts(parts, body);
        status::describe(&mut response, self.rules.name, &how, Served::Miss);
        Ok(response)
    }

    /// Forwards the request as it came, and throws out what it invalidates (RFC 9111 §4.4).
    pub(super) async fn pass(&mut self, body: Body, reason: ForwardReason) -> Answer {
        let request = self.request(self.head.headers.clone()).map(|_| body);
        let response = self.send(request).await?;
        if let Some(shared) = response.extensions().get::<Shared>().cloned() {
            return Ok(self.shared(&shared, reason).await);
        }
        let (parts, body) = response.into_parts();
        for uri in invalidation::invalidated(&self.head.method, &self.target.uri, &parts) {
            self.store.invalidate(&uri).await?;
        }
        let how = forwarded(reason, &parts);
        let mut response = Response::from_parts(parts, body);
        status::describe(&mut response, self.rules.name, &how, Served::Bypass);
        Ok(response)
    }

    /// Validates without anyone waiting (RFC 5861 §3). Concurrent ones are collapsed further inside.
    pub(super) fn revalidate_in_background(&self, stored: &StoredResponse) {
        let mut background = Exchange {
            inner: self.inner.clone(),
            store: self.store.clone(),
            rules: self.rules.clone(),
            negative: self.negative.clone(),
            target: self.target.clone(),
            key: self.key,
            head: self.head.clone(),
            set: self.set.clone(),
        };
        background.head.headers.remove(header::RANGE);
        let stored = stored.clone();
        (self.rules.spawn)(Box::pin(async move {
            // Whatever comes of it is in the store or in the log of the layers inside.
            drop(background.ask(ForwardReason::Stale, Some(stored)).await);
        }));
    }
}

/// Our own validators take the place of the client's: they are answered from what comes back.
fn replace_conditions(fields: &mut HeaderMap, conditions: HeaderMap) {
    fields.remove(header::IF_NONE_MATCH);
    fields.remove(header::IF_MODIFIED_SINCE);
    fields.extend(conditions);
}
