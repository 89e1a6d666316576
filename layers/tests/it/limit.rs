//! The `limit` layer: a request counts to the end of its body.

use std::{convert::Infallible, time::Duration};

use artifact_cache_layers::{
    body::Body,
    cause::{cause_of, is_caused_by},
    limit::{HeadTimeout, LimitLayer, Overloaded},
};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::support::{get, gives, stream};

#[tokio::test]
async fn a_request_counts_until_its_body_was_read() {
    let limit = LimitLayer::new(1);
    let service = limit.layer(gives(|| Body::from("artifact")));
    let response = service.clone().oneshot(get("/")).await.unwrap();
    let error = service.clone().oneshot(get("/")).await.unwrap_err();
    assert_eq!(cause_of(&*error), Some(&Overloaded { max_requests: 1 }));
    assert_eq!(limit.under_way(), 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(limit.under_way(), 0);
    service.oneshot(get("/")).await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let limit = LimitLayer::new(1);
    let (pieces, body) = stream();
    let body = std::sync::Mutex::new(Some(body));
    let service = limit.layer(service_fn(|_: Request<Body>| {
        let body = body.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    }));
    let response = service.oneshot(get("/")).await.unwrap();
    pieces.send(Ok("begun")).unwrap();
    assert_eq!(limit.under_way(), 1);
    drop(response);
    assert_eq!(limit.under_way(), 0);
}

#[tokio::test]
async fn a_body_without_bytes_does_not_count() {
    let limit = LimitLayer::new(1);
    let _response = limit
        .layer(gives(Body::empty))
        .oneshot(get("/"))
        .await
        .unwrap();
    assert_eq!(limit.under_way(), 0);
}

#[tokio::test]
async fn a_request_dropped_before_its_head_gives_its_place_back() {
    let limit = LimitLayer::new(1);
    let never =
        service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let mut service = limit.layer(never);
    let request = service.call(get("/"));
    assert_eq!(limit.under_way(), 1);
    drop(request);
    assert_eq!(limit.under_way(), 0);
}

#[tokio::test]
async fn an_error_gives_the_place_back() {
    let limit = LimitLayer::new(1);
    let fails = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>("no") });
    let error = limit.layer(fails).oneshot(get("/")).await.unwrap_err();
    assert_eq!(error.to_string(), "no");
    assert_eq!(limit.under_way(), 0);
}

#[tokio::test]
async fn services_of_one_layer_share_its_limit() {
    let limit = LimitLayer::new(1);
    let first = limit.layer(gives(|| Body::from("artifact")));
    let second = limit.clone().layer(gives(|| Body::from("artifact")));
    let _response = first.oneshot(get("/")).await.unwrap();
    assert!(is_caused_by::<Overloaded>(
        &*second.oneshot(get("/")).await.unwrap_err()
    ));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_takes_too_long_is_given_up() {
    let after = Duration::from_secs(5);
    let limit = LimitLayer::new(1).with_head_deadline(after);
    let slow = |seconds| {
        service_fn(move |_: Request<Body>| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, Infallible>(Response::new(Body::from("artifact")))
        })
    };
    let error = limit.layer(slow(6)).oneshot(get("/")).await.unwrap_err();
    assert_eq!(cause_of(&*error), Some(&HeadTimeout { after }));
    assert_eq!(limit.under_way(), 0);

    let response = limit.layer(slow(4)).oneshot(get("/")).await.unwrap();
    tokio::time::advance(Duration::from_hours(1)).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "artifact", "a body has no deadline");
}
