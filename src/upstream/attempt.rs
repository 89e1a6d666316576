//! One attempt to have an answer from one origin, and the attempts after it.

use std::time::Duration;

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    extensions::{Interim, Mode},
    semantics::target_uri::TargetUri,
};
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{AUTHORIZATION, HOST, PROXY_AUTHORIZATION},
};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{
    Reason, Shared, UpstreamFailure, body::ResponseBody, circuit::Permit, destination::Destination,
    framing, interim, parent, redirect::Follow, retry,
};

/// What all attempts of one request have in common.
pub(super) struct Errand {
    pub(super) mode: Mode,
    pub(super) deadline: Instant,
    /// Which redirects are followed.
    pub(super) follows: Follow,
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
        let uri = &there.origin;
        // Retries and redirects stop as soon as no origin may be asked any more.
        self.contact.admit()?;
        // A store is where the configuration says: nothing leads to it from elsewhere.
        let is_store = there.signing.is_some();
        let rewritten = self.ways.rewritten(uri).filter(|_| !is_store);
        let asked = rewritten.as_ref().unwrap_or(uri);
        if !is_store {
            self.await_turn(uri, rewritten.is_some(), errand.deadline)
                .await?;
        }
        let is_private = request.headers().contains_key(AUTHORIZATION);
        let mut request = if is_store {
            self.signed(request, there).await?
        } else {
            self.addressed(request, asked)?
        };
        interim::forward(&mut request, errand.interim.clone());
        let sent = Instant::now();
        let permit = self.circuits.admit(uri, sent)?;
        let outcome = match timeout_at(errand.deadline, there.pool.request(request)).await {
            Ok(outcome) => outcome.map_err(UpstreamFailure::of),
            Err(elapsed) => Err(UpstreamFailure::caused(Reason::Timeout, elapsed).into()),
        };
        settle(permit, &outcome);
        self.observe.asked(uri, end(&outcome), sent.elapsed());
        let response = outcome?;
        let times = (Instant::now(), self.clock.now());
        self.throttle.told(uri, is_private, &response, times);
        self.check_parent(asked, &response)?;
        framing::check(&response, errand.mode)
            .map_err(|bad| UpstreamFailure::caused(Reason::Invalid, bad))?;
        Ok(response.map(|incoming| {
            let body = Body::stream(ResponseBody::new(incoming, self.body));
            self.throttle.paced(uri, body)
        }))
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

impl Shared {
    /// Waits until the origin may be asked. A mirror is there for those who are led to it by rewriting;
    /// who asks for it by its own name is judged as for any other.
    async fn await_turn(
        &self,
        uri: &TargetUri,
        is_led: bool,
        deadline: Instant,
    ) -> Result<(), BoxError> {
        if !is_led && self.ways.is_endpoint(uri.host(), uri.port()) {
            self.dialer.check(uri.host(), uri.port()).await?;
        }
        let turn = self.throttle.admit(uri, Instant::now())?;
        if !turn.is_zero() {
            sleep_until(deadline.min(Instant::now() + turn)).await;
        }
        Ok(())
    }

    /// A parent that wants credentials wants them of us: the client has none for it.
    fn check_parent<B>(
        &self,
        uri: &TargetUri,
        answer: &Response<B>,
    ) -> Result<(), UpstreamFailure> {
        let parent = self.ways.parent_of(uri.host(), uri.port());
        let is_asked = answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        if is_asked && parent.is_some_and(|parent| parent.forwards(uri.scheme())) {
            let refused = parent::Refused::Credentials;
            return Err(UpstreamFailure::caused(Reason::Connect, refused));
        }
        Ok(())
    }

    /// The request as it goes out, with what is meant for this place and for the parent before it.
    fn addressed(
        &self,
        request: Request<Body>,
        uri: &TargetUri,
    ) -> Result<Request<Body>, UpstreamFailure> {
        let mut request = addressed(request, uri)?;
        let fields = request.headers_mut();
        self.ways.add_fields(uri, fields);
        let parent = self.ways.parent_of(uri.host(), uri.port());
        if let Some(parent) = parent.filter(|parent| parent.forwards(uri.scheme()))
            && let Some(value) = parent.authorization()
        {
            fields.insert(PROXY_AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// The request as it goes to the origin of `uri`: the one parsed URI says whom to connect to and what
/// the `Host` is.
fn addressed(
    mut request: Request<Body>,
    uri: &TargetUri,
) -> Result<Request<Body>, UpstreamFailure> {
    let authority = uri.url().port().map_or_else(
        || uri.host().to_owned(),
        |port| format!("{}:{port}", uri.host()),
    );
    let invalid = |error: BoxError| UpstreamFailure::caused(Reason::Invalid, error);
    let host = HeaderValue::try_from(authority).map_err(|error| invalid(error.into()))?;
    let address: Uri = uri
        .as_str()
        .parse()
        .map_err(|error| invalid(Box::new(error)))?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = address;
    Ok(request)
}
