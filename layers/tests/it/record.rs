//! The `record` layer: each request is told once, with the end that it had.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use artifact_cache_layers::{
    body::Body,
    extensions::Served,
    record::{End, Outcome, RecordLayer, Recorder},
};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{get, gives, stream};

#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    path: String,
    status: Option<StatusCode>,
    served: Option<Served>,
    pieces: Vec<u64>,
    end: Option<(Outcome, u64)>,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Told>>>);

impl Recorder for Log {
    type Memo = Told;

    fn started(&self, request: &Request<Body>) -> Told {
        Told {
            path: request.uri().path().to_owned(),
            ..Told::default()
        }
    }

    fn head(&self, told: &mut Told, response: &Response<Body>) {
        told.status = Some(response.status());
        told.served = response.extensions().get().copied();
    }

    fn bytes(&self, told: &mut Told, len: u64) {
        told.pieces.push(len);
    }

    fn finished(&self, mut told: Told, end: End) {
        told.end = Some((end.outcome, end.bytes));
        self.0.lock().unwrap().push(told);
    }
}

impl Log {
    fn layer(&self) -> RecordLayer<Self> {
        RecordLayer::new(self.clone())
    }

    /// The only request told so far.
    fn told(&self) -> Told {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }

    fn is_silent(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

fn hit() -> Response<Body> {
    let mut response = Response::new(Body::from("artifact"));
    response.extensions_mut().insert(Served::Hit);
    response
}

#[tokio::test]
async fn a_request_is_told_from_its_start_to_its_last_byte() {
    let log = Log::default();
    let inner = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(hit()) });
    let response = log.layer().layer(inner).oneshot(get("/a")).await.unwrap();
    assert!(log.is_silent(), "the body is still on its way");
    response.into_body().collect().await.unwrap();
    let expected = Told {
        path: "/a".into(),
        status: Some(StatusCode::OK),
        served: Some(Served::Hit),
        pieces: vec![8],
        end: Some((Outcome::Complete, 8)),
    };
    assert_eq!(log.told(), expected);
}

async fn streamed(log: &Log) -> (crate::support::Pieces, Body) {
    let (pieces, body) = stream();
    let body = Mutex::new(Some(body));
    let inner = service_fn(|_: Request<Body>| {
        let body = body.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let response = log.layer().layer(inner).oneshot(get("/a")).await.unwrap();
    (pieces, response.into_body())
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_complete_at_its_end() {
    let log = Log::default();
    let (pieces, body) = streamed(&log).await;
    pieces.send(Ok("arti")).unwrap();
    pieces.send(Ok("fact")).unwrap();
    drop(pieces);
    body.collect().await.unwrap();
    assert_eq!(log.told().pieces, [4, 4]);
    assert_eq!(log.told().end, Some((Outcome::Complete, 8)));
}

#[tokio::test]
async fn a_client_that_leaves_is_told_with_what_it_had() {
    let log = Log::default();
    let (pieces, mut body) = streamed(&log).await;
    pieces.send(Ok("arti")).unwrap();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(log.told().end, Some((Outcome::Left, 4)));
}

#[tokio::test]
async fn a_source_that_fails_is_told_as_broken_off() {
    let log = Log::default();
    let (pieces, body) = streamed(&log).await;
    pieces.send(Ok("arti")).unwrap();
    pieces.send(Err("cut".into())).unwrap();
    body.collect().await.unwrap_err();
    assert_eq!(log.told().end, Some((Outcome::BrokeOff, 4)));
}

#[tokio::test]
async fn a_response_without_bytes_is_complete_at_once() {
    let log = Log::default();
    let response = log
        .layer()
        .layer(gives(Body::empty))
        .oneshot(get("/a"))
        .await;
    assert_eq!(log.told().end, Some((Outcome::Complete, 0)));
    drop(response);
}

#[tokio::test]
async fn the_unsent_body_of_a_head_is_no_early_drop() {
    let log = Log::default();
    let request = Request::head("/a").body(Body::empty()).unwrap();
    let service = log.layer().layer(gives(|| Body::from("artifact")));
    drop(service.oneshot(request).await);
    assert_eq!(log.told().end, Some((Outcome::Complete, 0)));
}

#[tokio::test]
async fn a_service_that_fails_is_told() {
    let log = Log::default();
    let fails = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>("no") });
    log.layer()
        .layer(fails)
        .oneshot(get("/a"))
        .await
        .unwrap_err();
    assert_eq!(log.told().end, Some((Outcome::Failed, 0)));
    assert_eq!(log.told().status, None);
}

#[tokio::test]
async fn a_request_dropped_before_its_head_is_told_as_abandoned() {
    let log = Log::default();
    let never =
        service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let mut service = log.layer().layer(never);
    drop(tower::Service::call(&mut service, get("/a")));
    assert_eq!(log.told().end, Some((Outcome::Abandoned, 0)));
}
