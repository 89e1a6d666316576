//! The `recall` layer: the same head has the same answer, for as long as that is true.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    body::Body,
    extensions::{Once, Repeat, Repeatable, Served},
    recall::{Recall, RecallLayer},
};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::get;

/// A store with one artifact that says how often it was looked at, and how often it gave bytes again.
#[derive(Clone, Default)]
struct Store(Arc<Counts>);

#[derive(Default)]
struct Counts {
    looks: AtomicU32,
    repeats: AtomicU32,
    writes: AtomicU32,
    seconds: AtomicU64,
}

/// The artifact as it was at some number of writes.
struct AsOf(u32, Store);

impl Repeat for AsOf {
    fn repeat(&self) -> Option<Body> {
        let Self(writes, Store(counts)) = self;
        (counts.writes.load(Relaxed) == *writes).then(|| {
            counts.repeats.fetch_add(1, Relaxed);
            Body::from(format!("version {writes}"))
        })
    }
}

impl Store {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.seconds.load(Relaxed))
    }

    /// The layer over this store, with the store's clock.
    fn recalled(&self) -> Recall<Self, impl Fn() -> SystemTime + Clone + use<>> {
        let clock = self.clone();
        RecallLayer::new(move || clock.now()).layer(self.clone())
    }

    fn looks(&self) -> u32 {
        self.0.looks.load(Relaxed)
    }
}

impl Service<Request<Body>> for Store {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.0.looks.fetch_add(1, Relaxed);
        let writes = self.0.writes.load(Relaxed);
        let mut response = Response::new(Body::from(format!("version {writes}")));
        response.headers_mut().insert("age", writes.into());
        response.extensions_mut().insert(Served::Hit);
        response.extensions_mut().insert(Repeatable {
            until: self.now() + Duration::from_secs(1),
            bytes: Arc::new(AsOf(writes, self.clone())),
        });
        ready(Ok(response))
    }
}

async fn text(
    service: &Recall<Store, impl Fn() -> SystemTime + Clone>,
    request: Request<Body>,
) -> String {
    let Ok(response) = service.clone().oneshot(request).await;
    assert_eq!(response.extensions().get(), Some(&Served::Hit));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A request with one more field.
fn with(name: &'static str, value: &'static str) -> Request<Body> {
    let mut request = get("http://example.com/a");
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn the_same_head_is_looked_up_once() {
    let store = Store::default();
    let service = store.recalled();
    for _ in 0..3 {
        assert_eq!(text(&service, get("/a")).await, "version 0");
    }
    assert_eq!(store.looks(), 1);
    assert_eq!(store.0.repeats.load(Relaxed), 2);
}

#[tokio::test]
async fn another_head_is_another_request() {
    let store = Store::default();
    let service = store.recalled();
    let heads = [
        get("http://example.com/a"),
        get("http://example.com/b"),
        get("http://example.net/a"),
        get("https://example.com/a"),
        with("accept", "a/b"),
        with("accept", "a/c"),
        with("range", "bytes=0-1"),
    ];
    let count = u32::try_from(heads.len()).unwrap();
    for head in heads {
        text(&service, head).await;
    }
    assert_eq!(store.looks(), count);
}

#[tokio::test]
async fn the_id_of_a_request_makes_no_difference() {
    let store = Store::default();
    let service = store.recalled();
    text(&service, with("x-request-id", "1")).await;
    text(&service, with("x-request-id", "2")).await;
    assert_eq!(store.looks(), 1);
}

#[tokio::test]
async fn credentials_other_methods_and_bodies_are_passed_on() {
    let store = Store::default();
    let service = store.recalled();
    let mut looks = 0;
    for name in ["authorization", "proxy-authorization", "x-api-key"] {
        for _ in 0..2 {
            text(&service, with(name, "secret")).await;
            looks += 1;
            assert_eq!(store.looks(), looks, "{name}");
        }
    }
    for _ in 0..2 {
        text(&service, get("/a").map(|_| Body::from("body"))).await;
        let head = Request::head("/a").body(Body::empty()).unwrap();
        text(&service, head).await;
        looks += 2;
        assert_eq!(store.looks(), looks);
    }
}

#[tokio::test]
async fn a_request_whose_answer_depends_on_more_than_its_head_is_passed_on() {
    let store = Store::default();
    let service = store.recalled();
    text(&service, get("/a")).await;
    let mut request = get("/a");
    request.extensions_mut().insert(Once);
    text(&service, request).await;
    assert_eq!(store.looks(), 2);
}

#[tokio::test]
async fn what_was_written_is_seen_at_once() {
    let store = Store::default();
    let service = store.recalled();
    text(&service, get("/a")).await;
    store.0.writes.fetch_add(1, Relaxed);
    for _ in 0..2 {
        assert_eq!(text(&service, get("/a")).await, "version 1");
    }
    assert_eq!(store.looks(), 2);
}

#[tokio::test]
async fn an_answer_ends_with_its_second_and_when_the_clock_goes_back() {
    let store = Store::default();
    let service = store.recalled();
    for (second, looks) in [(5, 1), (5, 1), (6, 2), (6, 2), (5, 3)] {
        store.0.seconds.store(second, Relaxed);
        text(&service, get("/a")).await;
        assert_eq!(store.looks(), looks, "second {second}");
    }
}
