//! The only way out: asks origins. It owns the connection pool, name look-up, TLS, deadlines, retries,
//! redirects and circuits. What a response means to the cache is not decided here.

mod attempt;
mod body;
mod circuit;
mod connector;
mod destination;
mod dial;
mod exempt;
mod explain;
mod failure;
mod framing;
mod guard;
mod interim;
mod link;
mod names;
mod observe;
mod parent;
mod redirect;
mod retry;
mod roots;
mod silence;
mod throttle;
mod ways;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{FinalUri, Peer, Target},
};
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tower::Service;

use self::{
    attempt::Errand,
    circuit::Circuits,
    connector::Pool,
    destination::{Destination, Stores},
    redirect::{Follow, Itinerary},
    retry::Retries,
    throttle::Throttle,
    ways::Ways,
};
pub use self::{
    dial::Dialer,
    failure::{Reason, UpstreamFailure},
    framing::BadFraming,
    guard::Guard,
    link::Link,
    observe::Observe,
    redirect::BadRedirect,
    roots::{InvalidRoots, Roots},
};
use crate::{
    clock::Clock,
    config::{s3::S3, upstream::Upstream},
    s3::{Endpoints, Operation},
};

/// Asks origins. A request carries a [`Target`]: its URI is what is asked for, and its mode decides
/// whether redirects and unwelcome statuses are dealt with here (archive modes) or passed through. The
/// URI of an object is asked of its store, and so is the [`Operation`] that a request may carry.
///
/// Every error is either an [`UpstreamFailure`] or what the [`Guard`] said, found by
/// [`cause_of`](artifact_cache_layers::cause::cause_of). Clones share connections, circuits and budget.
#[derive(Clone)]
pub struct Upstreams(Arc<Shared>);

struct Shared {
    dialer: Dialer,
    ways: Arc<Ways>,
    pool: Pool,
    stores: Stores,
    roots: Roots,
    circuits: Circuits,
    retries: Retries,
    throttle: Throttle,
    clock: Clock,
    guard: Arc<dyn Guard>,
    observe: Arc<dyn Observe>,
    user_agent: HeaderValue,
    head_timeout: Duration,
    max_redirects: u32,
    presigned: bool,
    body: body::Bounds,
}

/// The request does not say what it asks for: a fault of the program, not of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request without a target reached the upstream")]
pub struct NoTarget;

/// The settings cannot be put to use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUpstream {
    /// The trusted certificates cannot be read.
    #[error("cannot read the trusted certificate authorities")]
    Roots(#[from] InvalidRoots),
    /// The TLS library refuses its own defaults.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// A parent, a mirror or a field of our own.
    #[error("cannot set up the ways to origins")]
    Ways(#[source] BoxError),
    /// `upstream.user_agent` is not a field value.
    #[error("the user agent is not a valid field value")]
    UserAgent(#[from] http::header::InvalidHeaderValue),
}

impl Upstreams {
    /// Origins as the settings say, trusted by the machine's own roots and `upstream.extra_ca`.
    ///
    /// # Errors
    /// When certificates cannot be read or a setting is not usable.
    pub fn new(settings: &Upstream, guard: Arc<dyn Guard>) -> Result<Self, InvalidUpstream> {
        let roots = Roots::native().and_file(settings.extra_ca.as_deref())?;
        Self::with_roots(settings, guard, roots)
    }

    /// Which stores objects are asked of; to be called before the value is cloned.
    ///
    /// # Errors
    /// When certificates of a store cannot be read.
    pub fn with_stores(
        mut self,
        upstream: &Upstream,
        settings: &S3,
        endpoints: Endpoints,
    ) -> Result<Self, InvalidUpstream> {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            let (guard, roots) = (&shared.guard, &shared.roots);
            shared.stores = Stores::new(upstream, settings, endpoints, guard, roots)?;
        }
        Ok(self)
    }

    /// The same, trusting exactly `roots`.
    ///
    /// # Errors
    /// When a setting is not usable.
    pub fn with_roots(
        settings: &Upstream,
        guard: Arc<dyn Guard>,
        roots: Roots,
    ) -> Result<Self, InvalidUpstream> {
        let ways = Arc::new(Ways::new(settings).map_err(InvalidUpstream::Ways)?);
        let tls = connector::tls(roots.clone())?;
        let dialer = Dialer::new(Arc::clone(&guard), settings.connect_timeout.0)
            .along(Arc::clone(&ways), Arc::new(tls.clone()));
        let pool = connector::pool(settings, dialer.clone(), tls);
        Ok(Self(Arc::new(Shared {
            dialer,
            ways,
            pool,
            roots,
            stores: Stores::default(),
            circuits: Circuits::new(settings.circuit_failures, settings.circuit_open.0),
            retries: Retries::new(settings.max_retries),
            throttle: Throttle::new(settings),
            clock: Clock::system(),
            guard,
            observe: Arc::new(()),
            user_agent: HeaderValue::from_str(&settings.user_agent)?,
            head_timeout: Duration::from_secs(settings.timeout_seconds),
            max_redirects: settings.max_redirects,
            presigned: true,
            body: body::Bounds::new(settings),
        })))
    }

    /// Who is told of requests; to be called before the value is cloned, later calls change nothing.
    #[must_use]
    pub fn observed_by(mut self, observe: Arc<dyn Observe>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.observe = observe;
        }
        self
    }

    /// Whether what is forwarded follows redirects to presigned URLs; to be called before the value is
    /// cloned, later calls change nothing.
    #[must_use]
    pub fn following_presigned(mut self, presigned: bool) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.presigned = presigned;
        }
        self
    }

    /// The clock that `Retry-After` dates are read by; to be called before the value is cloned.
    #[must_use]
    pub fn timed_by(mut self, clock: Clock) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.clock = clock;
        }
        self
    }

    /// Origins that are left alone at present because they kept failing.
    #[must_use]
    pub fn open_circuits(&self) -> u64 {
        self.0.circuits.open_at(Instant::now())
    }

    /// What opens connections, under the same guard and deadline: for tunnels.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        self.0.dialer.clone()
    }
}

impl Shared {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.observe.requested();
        self.follow(request).await
    }

    /// Goes where redirects lead, in archive modes, for requests that only read.
    async fn follow(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let extensions = request.extensions_mut();
        let operation = extensions.remove::<Operation>();
        let target = extensions.remove::<Target>().ok_or(NoTarget)?;
        let peer = extensions.get::<Peer>();
        let errand = Errand {
            interim: peer.and_then(|peer| peer.1.clone()),
            mode: target.mode,
            deadline: Instant::now() + self.head_timeout,
            follows: Follow::of(target.mode, request.method(), self.presigned),
        };
        let here = self.destination(&target, operation)?;
        let request = self.outgoing(request, &target);
        self.travel(request, here, &target, errand).await
    }

    async fn travel(
        &self,
        mut request: Request<Body>,
        mut here: Destination,
        target: &Target,
        errand: Errand,
    ) -> Result<Response<Body>, BoxError> {
        let mut itinerary = Itinerary::new(here.origin.clone(), self.max_redirects);
        let mut last = target.uri.clone();
        loop {
            let again = attempt::again(&request);
            let mut response = self.attempts(request, &here, &errand).await?;
            let rewritten = self.ways.rewritten(itinerary.here());
            let asked = rewritten.filter(|_| here.signing.is_none());
            let next = errand.follows.next(&itinerary, &response, asked.as_ref())?;
            let next = next.map(|next| self.ways.restored(next));
            let (Some(next), Some(mut again)) = (next, again) else {
                itinerary.restore(response.headers_mut());
                response.extensions_mut().insert(FinalUri(last));
                return Ok(match here.signing {
                    Some(_) => explain::explained(response, errand.deadline).await,
                    None => response,
                });
            };
            here = self.onward(here, &next, explain::region(&response))?;
            itinerary.remember(response.headers());
            itinerary.go(next.clone(), again.headers_mut());
            (request, last) = (again, next);
        }
    }

    /// The request without what its way through the program left on it.
    fn outgoing(&self, request: Request<Body>, target: &Target) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        head.extensions = http::Extensions::new();
        head.version = http::Version::HTTP_11;
        if target.mode.is_archive() {
            let user_agent = self.user_agent.clone();
            head.headers.insert(http::header::USER_AGENT, user_agent);
        }
        Request::from_parts(head, body)
    }
}

impl Service<Request<Body>> for Upstreams {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.answer(request).await })
    }
}
