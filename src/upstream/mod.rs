//! The only way out: asks origins. It owns the connection pool, name look-up, TLS, deadlines, retries,
//! redirects and circuits. What a response means to the cache is not decided here.

mod attempt;
mod body;
mod circuit;
mod connector;
mod contact;
mod destination;
mod dial;
mod exempt;
mod explain;
mod failure;
mod framing;
mod guard;
mod interim;
mod journey;
mod link;
mod names;
mod observe;
mod parent;
mod passed;
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

use arc_swap::ArcSwap;
use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tower::Service;

use self::{
    circuit::Circuits, connector::Pool, destination::Stores, retry::Retries, throttle::Throttle,
    ways::Ways,
};
pub use self::{
    contact::Contact,
    dial::Dialer,
    failure::{Reason, UpstreamFailure},
    framing::BadFraming,
    guard::Guard,
    link::Link,
    observe::Observe,
    passed::PassedLayer,
    redirect::BadRedirect,
    roots::{InvalidRoots, Roots},
};
use crate::{
    clock::Clock,
    config::{s3::S3, upstream::Upstream},
    s3::Endpoints,
};

/// Asks origins. A request carries a [`Target`](artifact_cache_layers::extensions::Target): its URI is what is asked for, and its mode decides
/// whether redirects and unwelcome statuses are dealt with here (archive modes) or passed through. The
/// URI of an object is asked of its store, and so is the [`Operation`](crate::s3::Operation) that a request may carry.
///
/// Every error is either an [`UpstreamFailure`] or what the [`Guard`] said, found by
/// [`cause_of`](artifact_cache_layers::cause::cause_of). Clones share connections, circuits and budget.
#[derive(Clone)]
pub struct Upstreams(Arc<ArcSwap<Shared>>);

/// What one request uses from its beginning to its end.
#[derive(Clone)]
struct Shared {
    dialer: Dialer,
    ways: Arc<Ways>,
    pool: Pool,
    stores: Arc<Stores>,
    roots: Roots,
    circuits: Arc<Circuits>,
    retries: Arc<Retries>,
    throttle: Arc<Throttle>,
    clock: Clock,
    contact: Contact,
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

    /// Which stores objects are asked of.
    ///
    /// # Errors
    /// When certificates of a store cannot be read.
    pub fn with_stores(
        self,
        upstream: &Upstream,
        settings: &S3,
        endpoints: Endpoints,
    ) -> Result<Self, InvalidUpstream> {
        let shared = self.0.load();
        let (guard, roots) = (&shared.guard, &shared.roots);
        let stores = Stores::new(upstream, settings, endpoints, guard, roots)?;
        Ok(self.with(|shared| shared.stores = stores.into()))
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
        let contact = Contact::new(settings.mode);
        let dialer = Dialer::new(Arc::clone(&guard), settings.connect_timeout.0);
        let dialer = dialer.held_by(contact.clone());
        let (dialer, ways, pool) = led(dialer, settings, &roots)?;
        let circuits = Circuits::new(settings.circuit_failures, settings.circuit_open.0);
        Ok(Self(Arc::new(ArcSwap::from_pointee(Shared {
            dialer,
            ways,
            pool,
            roots,
            stores: Arc::default(),
            circuits: circuits.into(),
            retries: Retries::new(settings.max_retries).into(),
            throttle: Throttle::new(settings).into(),
            clock: Clock::system(),
            contact,
            guard,
            observe: Arc::new(()),
            user_agent: HeaderValue::from_str(&settings.user_agent)?,
            head_timeout: Duration::from_secs(settings.timeout_seconds),
            max_redirects: settings.max_redirects,
            presigned: true,
            body: body::Bounds::new(settings),
        }))))
    }

    /// Takes the ways of these settings from now on: parents, routes, mirrors and fields of our own. Requests
    /// under way end as they began; connections that lead along the old ways are not used again.
    ///
    /// # Errors
    /// When a setting is not usable; nothing is changed then.
    pub fn set_ways(&self, settings: &Upstream) -> Result<(), InvalidUpstream> {
        let shared = self.0.load_full();
        let (dialer, ways, pool) = led(shared.dialer.clone(), settings, &shared.roots)?;
        self.0.store(Arc::new(Shared {
            dialer,
            ways,
            pool,
            ..(*shared).clone()
        }));
        Ok(())
    }

    /// Changes what the requests from now on use.
    fn with(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = (*self.0.load_full()).clone();
        change(&mut shared);
        self.0.store(Arc::new(shared));
        self
    }

    /// Who is told of requests.
    #[must_use]
    pub fn observed_by(self, observe: Arc<dyn Observe>) -> Self {
        self.with(|shared| shared.observe = observe)
    }

    /// Whether what is forwarded follows redirects to presigned URLs.
    #[must_use]
    pub fn following_presigned(self, presigned: bool) -> Self {
        self.with(|shared| shared.presigned = presigned)
    }

    /// The clock that `Retry-After` dates are read by.
    #[must_use]
    pub fn timed_by(self, clock: Clock) -> Self {
        self.with(|shared| shared.clock = clock)
    }

    /// Origins that are left alone at present because they kept failing.
    #[must_use]
    pub fn open_circuits(&self) -> u64 {
        self.0.load().circuits.open_at(Instant::now())
    }

    /// Those origins as `host:port`, each with how long it is still left alone.
    #[must_use]
    pub fn resting(&self) -> Vec<(String, Duration)> {
        self.0.load().circuits.resting(Instant::now())
    }

    /// Whether origins may be asked, and what was wanted of them in vain.
    #[must_use]
    pub fn contact(&self) -> Contact {
        self.0.load().contact.clone()
    }

    /// What opens connections, under the same guard and deadline: for tunnels.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        self.0.load().dialer.clone()
    }
}

/// The dialer along the ways of these settings, those ways, and connections that lead there.
fn led(
    dialer: Dialer,
    settings: &Upstream,
    roots: &Roots,
) -> Result<(Dialer, Arc<Ways>, Pool), InvalidUpstream> {
    let ways = Arc::new(Ways::new(settings).map_err(InvalidUpstream::Ways)?);
    let tls = connector::tls(roots.clone())?;
    let dialer = dialer.along(Arc::clone(&ways), Arc::new(tls.clone()));
    let pool = connector::pool(settings, dialer.clone(), tls);
    Ok((dialer, ways, pool))
}

impl Service<Request<Body>> for Upstreams {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.0.load_full();
        Box::pin(async move { shared.answer(request).await })
    }
}
