//! One attempt to have an answer from one origin, and the attempts after it.

use std::time::Duration;

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    extensions::{Interim, Mode},
};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Reason, Shared, UpstreamFailure, body::ResponseBody, circuit::Permit, destination::Destination,
    framing, interim, retry,
};

/// What all attempts of one request have in common.
pub(super) struct Errand {
    pub(super) mode: Mode,
    pub(super) deadline: Instant,
    /// Whether redirects are followed.
    pub(super) follows: bool,
    /// Where interim responses go.
    pub(super) interim: Option<Interim>,
}

/// The same request once more, where asking twice does no harm (RFC 9110 §9.2.2) and there is no body
/// that is used up.
pub(super) fn again(request: &Request<Body>) -> Option<Request<Body>> {
    let repeatable = request.method().is_idempotent() && request.body().is_end_stream();
    repeatable.then(|| {
        let mut again = Request::new(Body::empty());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        again
    })
}

impl Shared {
    /// Asks at `there` until there is an answer worth having, or no point in going on.
    pub(super) async fn attempts(
        &self,
        mut request: Request<Body>,
        there: &Destination,
        errand: &Errand,
    ) -> Result<Response<Body>, BoxError> {
        let mut tries = self.retries.begin();
        loop {
            let again = again(&request);
            let outcome = self.attempt(request, there, errand).await;
            let Some(again) = again else { return outcome };
            let verdict = retry::verdict(&outcome, errand.mode, self.clock.now());
            match tries.next(verdict) {
                Some(wait) if Instant::now() + wait < errand.deadline => self.rest(wait).await,
                _ => return outcome,
            }
            request = again;
        }
    }

    async fn rest(&self, wait: Duration) {
        self.observe.retried();
        sleep(wait).await;
    }

    async fn attempt(
        &self,
        request: Request<Body>,
        there: &Destination,
        errand: &Errand,
    ) -> Result<Response<Body>, BoxError> {
        let mut request = self.addressed(request, there).await?;
        interim::forward(&mut request, errand.interim.clone());
        let uri = &there.origin;
        let sent = Instant::now();
        let permit = self.circuits.admit(uri, sent)?;
        let outcome = match timeout_at(errand.deadline, there.pool.request(request)).await {
            Ok(outcome) => outcome.map_err(UpstreamFailure::of),
            Err(elapsed) => Err(UpstreamFailure::caused(Reason::Timeout, elapsed).into()),
        };
        settle(permit, &outcome);
        self.observe.asked(uri, end(&outcome), sent.elapsed());
        let response = outcome?;
        framing::check(&response, errand.mode)
            .map_err(|bad| UpstreamFailure::caused(Reason::Invalid, bad))?;
        Ok(response.map(|incoming| Body::stream(ResponseBody::new(incoming, self.body))))
    }
}

/// A refusal by the guard says nothing about the origin. One that was reached and broke off, or talked
/// nonsense, failed at this request: others may do well, and one bad URL must not take them along.
fn settle(permit: Permit<'_>, outcome: &Result<Response<Incoming>, BoxError>) {
    let Err(error) = outcome else {
        return permit.answered();
    };
    let failure = cause_of::<UpstreamFailure>(&**error);
    match failure.map(|failure| failure.reason.is_unreachable()) {
        Some(true) => permit.failed(Instant::now()),
        Some(false) => permit.answered(),
        None => drop(permit),
    }
}

/// How an attempt ended, in two words.
fn end(outcome: &Result<Response<Incoming>, BoxError>) -> Result<StatusCode, Option<Reason>> {
    match outcome {
        Ok(response) => Ok(response.status()),
        Err(error) => {
            let failure = cause_of::<UpstreamFailure>(&**error);
            Err(failure.map(|failure| failure.reason))
        }
    }
}
