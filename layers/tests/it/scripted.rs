//! A scripted origin, and the cache in front of it: what the tests of `cache`, `collapse` and `tee` share.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cache::{CacheLayer, Rules},
    collapse::{CollapseLayer, Flights},
    extensions::{Looked, Mode, Target},
    memory::{self, MemoryStore},
    semantics::cache_key::CacheKey,
    tee::TeeLayer,
};
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};

/// The URL that most tests ask for.
pub(crate) const URL: &str = "http://example.com/artifact";

pub(crate) type Answer = Result<Response<Body>, BoxError>;
type Later = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Script = dyn Fn(request::Parts, usize) -> Later + Send + Sync;

/// An origin that follows a script and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Origin {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<request::Parts>>>,
}

impl Origin {
    /// Answers the request of each number, counted from 0, by `script`.
    pub(crate) fn new(
        script: impl Fn(&request::Parts, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::later(move |asked, number| std::future::ready(script(&asked, number)))
    }

    /// As [`Origin::new`], with answers that take their time.
    pub(crate) fn later<F>(
        script: impl Fn(request::Parts, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self {
            script: Arc::new(move |asked, number| Box::pin(script(asked, number))),
            asked: Arc::default(),
        }
    }

    /// How many requests arrived.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// A field of the request with this number; empty when it is absent.
    pub(crate) fn field(&self, number: usize, name: &str) -> String {
        let asked = self.asked.lock().unwrap();
        field(&asked[number].headers, name)
    }

    /// The method of the request with this number.
    pub(crate) fn method(&self, number: usize) -> String {
        self.asked.lock().unwrap()[number].method.to_string()
    }
}

impl Service<Request<Body>> for Origin {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Later;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Later {
        let (head, _) = request.into_parts();
        let mut asked = self.asked.lock().unwrap();
        let number = asked.len();
        asked.push(head.clone());
        (self.script)(head, number)
    }
}

/// A 200 with these fields and this body.
pub(crate) fn ok(fields: &[(&'static str, &str)], body: impl Into<Body>) -> Response<Body> {
    with_status(StatusCode::OK, fields, body)
}

/// A response with this status, these fields and this body.
pub(crate) fn with_status(
    status: StatusCode,
    fields: &[(&'static str, &str)],
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    for (name, value) in fields {
        let name = HeaderName::from_static(name);
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// A body of `pieces`, which breaks off after them when `breaks`. Its length is known when `length` says it.
pub(crate) fn pieces(pieces: &[&'static str], breaks: bool, length: Option<u64>) -> Body {
    let mut frames: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
        .collect();
    if breaks {
        frames.push(Err(BoxError::from("the connection was reset")));
    }
    frames.reverse();
    Body::stream(Pieces { frames, length })
}

struct Pieces {
    frames: Vec<Result<Bytes, BoxError>>,
    length: Option<u64>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.frames.pop().map(|frame| frame.map(Frame::data)))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.length
            .map_or_else(Default::default, http_body::SizeHint::with_exact)
    }
}

/// A clock that tests move on.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A cache over an origin: `cache`, `collapse` and `tee`, as a product stacks them.
#[derive(Clone)]
pub(crate) struct Cached {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Clock,
    pub(crate) origin: Origin,
    service: BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>,
}

impl Cached {
    pub(crate) fn new(origin: &Origin) -> Self {
        Self::with(origin, |_| {})
    }

    /// With rules changed by `change`.
    pub(crate) fn with(origin: &Origin, change: impl FnOnce(&mut Rules)) -> Self {
        Self::over(MemoryStore::default(), origin, change)
    }

    /// Over a store that may hold something already.
    pub(crate) fn over(
        store: MemoryStore,
        origin: &Origin,
        change: impl FnOnce(&mut Rules),
    ) -> Self {
        let clock = Clock::default();
        let now = clock.clone();
        let mut rules = Rules {
            now: Arc::new(move || now.now()),
            ..Rules::default()
        };
        change(&mut rules);
        let service = ServiceBuilder::new()
            .layer(BoxCloneSyncService::layer())
            .layer(CacheLayer::new(store.clone(), rules))
            .layer(CollapseLayer::new(flights(&store)))
            .layer(TeeLayer::new(store.clone()))
            .service(origin.clone());
        Self {
            store,
            clock,
            origin: origin.clone(),
            service,
        }
    }

    /// The answer to a request.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        self.service.clone().oneshot(request).await
    }

    /// The answer to a request, whole.
    pub(crate) async fn get(&self, request: Request<Body>) -> Whole {
        Whole::of(self.ask(request).await.unwrap()).await.unwrap()
    }

    /// The answer to a forwarded GET of [`URL`], whole.
    pub(crate) async fn forward(&self) -> Whole {
        self.get(forward(&[])).await
    }

    /// The answer to an explicit GET of [`URL`], whole.
    pub(crate) async fn explicit(&self) -> Whole {
        self.get(explicit(|_| {})).await
    }
}

/// Flights that look again when an answer was stored meanwhile.
pub(crate) fn flights(store: &MemoryStore) -> Flights {
    use artifact_cache_layers::cache::{Store as _, StoredSet as _};
    let store = store.clone();
    Flights::new(|task| drop(tokio::spawn(task))).with_recheck(move |request| {
        let target = request.extensions().get::<Target>().unwrap();
        let stored = store.stored(&CacheKey::of(&target.uri)).unwrap();
        let revision = stored.map_or(0, |set| set.revision());
        request.extensions().get() != Some(&Looked(revision))
    })
}

/// A cache over an inner service that is no scripted origin, without the layers in between.
pub(crate) fn cache_over<S>(
    inner: S,
    change: impl FnOnce(&mut Rules),
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut rules = Rules::default();
    change(&mut rules);
    CacheLayer::new(MemoryStore::default(), rules).layer(inner)
}

/// A forwarded GET of [`URL`] with these fields.
pub(crate) fn forward(fields: &[(&'static str, &str)]) -> Request<Body> {
    forward_to(URL, fields)
}

/// A forwarded GET with these fields.
pub(crate) fn forward_to(uri: &str, fields: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = memory::get(uri).unwrap();
    for (name, value) in fields {
        let name = HeaderName::from_static(name);
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

/// An explicit GET of [`URL`] whose target is changed by `change`.
pub(crate) fn explicit(change: impl FnOnce(&mut Target)) -> Request<Body> {
    explicit_to(URL, change)
}

/// An explicit GET whose target is changed by `change`.
pub(crate) fn explicit_to(uri: &str, change: impl FnOnce(&mut Target)) -> Request<Body> {
    let mut request = memory::get(uri).unwrap();
    let target = request.extensions_mut().get_mut::<Target>().unwrap();
    target.mode = Mode::Explicit;
    change(target);
    request
}

/// A response whose body has been read.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) fields: http::HeaderMap,
    pub(crate) body: String,
}

impl Whole {
    pub(crate) async fn of(response: Response<Body>) -> Result<Self, BoxError> {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Self {
            status: parts.status.as_u16(),
            fields: parts.headers,
            body: String::from_utf8(bytes.to_vec())?,
        })
    }

    /// A field; empty when it is absent.
    pub(crate) fn field(&self, name: &str) -> String {
        field(&self.fields, name)
    }

    /// What `Cache-Status` says after the cache's name.
    pub(crate) fn how(&self) -> String {
        let how = self.field("cache-status");
        how.trim_start_matches("artifact-cache; ").to_owned()
    }
}

fn field(fields: &http::HeaderMap, name: &str) -> String {
    let lines = fields.get_all(name).iter();
    lines
        .map(|line| line.to_str().unwrap())
        .collect::<Vec<_>>()
        .join(", ")
}
