//! The service of the `collapse` layer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header, request};
use tokio::sync::{oneshot, watch};
use tower_service::Service;

use super::{
    Flights, LeaderGone,
    flight::{FlightKey, Landing, Outcome, Place},
};
use crate::{
    body::{Body, BoxError},
    extensions::Target,
    failure::Superseded,
    semantics::{
        cache_control::CacheControl,
        cache_key::{self, Nominated},
    },
    share::{Share, Shared, SharedError, Verdict},
};

type Answer = Result<Response<Body>, BoxError>;

/// Lets concurrent requests share one answer. See the [module docs](super).
#[derive(Clone)]
pub struct Collapse<S> {
    inner: S,
    flights: Flights,
}

impl<S> Collapse<S> {
    /// Wraps `inner`; services with the same `flights` share answers.
    pub fn new(inner: S, flights: Flights) -> Self {
        Self { inner, flights }
    }
}

impl<S> Service<Request<Body>> for Collapse<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let Some(key) = FlightKey::of(&request) else {
            return Box::pin(ask(inner, request));
        };
        match self.flights.table.join(key) {
            Place::Leader(landing) if self.flights.is_superseded(&request) => {
                drop(landing);
                Box::pin(std::future::ready(Err(Superseded.into())))
            }
            Place::Leader(landing) => {
                let (answer, leader) = oneshot::channel();
                (self.flights.spawn)(Box::pin(lead(inner, request, landing, answer)));
                Box::pin(async { leader.await.unwrap_or_else(|_| Err(LeaderGone.into())) })
            }
            Place::Follower(flight) => {
                let flights = self.flights.clone();
                Box::pin(Collapse { inner, flights }.follow(request, flight))
            }
        }
    }
}

async fn ask<S>(mut inner: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    inner.call(request).await.map_err(Into::into)
}

/// Asks the origin, tells everyone, and stays in the table as long as the answer can be joined. This is
/// a task of its own: the request that caused it may vanish.
async fn lead<S>(
    inner: S,
    request: Request<Body>,
    landing: Landing,
    leader: oneshot::Sender<Answer>,
) where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    let asked = parts_of_request(&request);
    let landing = Arc::new(landing);
    let (answer, outcome) = match ask(inner, request).await {
        Ok(mut response) => {
            let outcome = outcome_of(&asked, &response);
            if response.status() == StatusCode::NOT_MODIFIED {
                response.extensions_mut().insert(Taxiing(landing.clone()));
            }
            (Ok(response), outcome)
        }
        Err(error) => {
            let error = SharedError::new(error);
            (Err(error.clone().into()), Outcome::Failed(error))
        }
    };
    landing.tell(outcome.clone());
    // Only what is still arriving can be joined: who asks again after an answer asks anew.
    let landing = matches!(outcome, Outcome::Shared(_)).then_some(landing);
    // A leader that is gone does not need its answer.
    drop(leader.send(answer));
    if let Outcome::Shared(share) = outcome {
        stay_until_settled(share).await;
    }
    drop(landing);
}

/// An extension of a 304: its flight can be joined as long as the leader keeps the response, which it
/// does until the stored response is updated. Who came in between would ask again.
#[derive(Clone)]
struct Taxiing(#[expect(dead_code, reason = "held for its drop")] Arc<Landing>);

async fn stay_until_settled(share: Arc<dyn Share>) {
    let (Verdict::Complete { .. } | Verdict::Failed(_)) = share.verdict().await;
}

fn outcome_of(asked: &request::Parts, response: &Response<Body>) -> Outcome {
    if let Some(shared) = response.extensions().get::<Shared>() {
        return Outcome::Shared(shared.share.clone());
    }
    match nominated_by_copy(asked, response) {
        Some(nominated) => Outcome::Head(Arc::new(parts_of(response)), nominated),
        None => Outcome::Alone,
    }
}

/// The request fields that an answer nominates, if its head can be copied to others: "A cache can use a
/// response that is stored or storable to satisfy multiple requests, provided that it is allowed to
/// reuse that response for the requests in question" (RFC 9111 §4).
///
/// By archive rules no field of a client reaches the origin, and of an answer without the artifact only
/// the head counts: it is everyone's. Else only a 304 is copied, which says of something that everyone
/// here holds that it is still good, unless it is one client's own.
fn nominated_by_copy(asked: &request::Parts, response: &Response<Body>) -> Option<Nominated> {
    let target = asked.extensions.get::<Target>()?;
    if target.mode.is_archive() {
        return (response.status() != StatusCode::OK).then(Vec::new);
    }
    let fields = response.headers();
    let directives = CacheControl::from_fields(fields);
    let is_own = directives.private()
        || directives.no_store()
        || CacheControl::from_fields(&asked.headers).no_store()
        || fields.contains_key(header::SET_COOKIE);
    let is_copied = response.status() == StatusCode::NOT_MODIFIED && !is_own;
    is_copied
        .then(|| cache_key::nominated(fields, &asked.headers))
        .flatten()
}

fn parts_of_request(request: &Request<Body>) -> request::Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers.clone_from(request.headers());
    parts.extensions.clone_from(request.extensions());
    parts
}

fn parts_of(response: &Response<Body>) -> http::response::Parts {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = response.status();
    parts.headers = response.headers().clone();
    parts.extensions = response.extensions().clone();
    parts
}

impl<S> Collapse<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn follow(
        mut self,
        request: Request<Body>,
        mut flight: watch::Receiver<Outcome>,
    ) -> Answer {
        let has_landed = |outcome: &Outcome| !matches!(outcome, Outcome::Waiting);
        let outcome = match flight.wait_for(has_landed).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => Outcome::Alone,
        };
        match outcome {
            // Failed or out of reach already: whoever comes too late asks together with the others.
            Outcome::Shared(share) if !share.is_open() => self.call(request).await,
            Outcome::Shared(share) if suits(&*share, &request) => Ok(shared(share)),
            Outcome::Head(parts, nominated)
                if cache_key::matches(&nominated, request.headers()) =>
            {
                Ok(Response::from_parts((*parts).clone(), Body::empty()))
            }
            Outcome::Failed(error) => Err(error.into()),
            _ => ask(self.inner, request).await,
        }
    }
}

fn shared(share: Arc<dyn Share>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = share.status();
    response.headers_mut().clone_from(share.fields());
    response.extensions_mut().insert(Shared {
        share,
        collapsed: true,
    });
    response
}

/// "When a cache receives a request that can be satisfied by a stored response and that stored response
/// contains a Vary header field, the cache MUST NOT use that stored response without revalidation unless
/// all the presented request header fields nominated by that Vary field value match" (RFC 9111 §4.1).
/// That holds of a response on its way into the store as well.
fn suits(share: &dyn Share, request: &Request<Body>) -> bool {
    cache_key::matches(share.nominated(), request.headers())
}
