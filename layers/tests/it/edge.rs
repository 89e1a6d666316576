//! The layers in the order in which a server stacks them, on a real connection's worth of requests.

use std::{
    convert::Infallible,
    error::Error,
    sync::{Arc, Mutex},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    egress::{Denied, EgressLayer, EgressPolicy},
    extensions::Target,
    hop::HopLayer,
    limit::{LimitLayer, Overloaded},
    record::{End, Outcome, RecordLayer, Recorder},
    rescue::RescueLayer,
    target::{InvalidTarget, TargetLayer},
    validate::{InvalidRequest, ValidateLayer},
};
use http::{
    Request, Response, StatusCode,
    header::{HOST, VIA},
};
use http_body_util::BodyExt as _;
use tower::{ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneService};

use crate::support::get;

#[derive(Clone, Default)]
struct Outcomes(Arc<Mutex<Vec<Outcome>>>);

impl Recorder for Outcomes {
    type Memo = ();

    fn started(&self, _: &Request<Body>) {}

    fn finished(&self, (): (), end: End) {
        self.0.lock().unwrap().push(end.outcome);
    }
}

fn respond(error: &(dyn Error + 'static)) -> Response<Body> {
    let status = if let Some(invalid) = cause_of::<InvalidRequest>(error) {
        invalid.status()
    } else if cause_of::<Overloaded>(error).is_some() {
        StatusCode::SERVICE_UNAVAILABLE
    } else if cause_of::<Denied>(error).is_some() {
        StatusCode::FORBIDDEN
    } else if cause_of::<InvalidTarget>(error).is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut response = Response::new(Body::from(error.to_string()));
    *response.status_mut() = status;
    response
}

fn edge(outcomes: &Outcomes) -> BoxCloneService<Request<Body>, Response<Body>, Infallible> {
    ServiceBuilder::new()
        .boxed_clone()
        .layer(RecordLayer::new(outcomes.clone()))
        .layer(RescueLayer::new(respond))
        .layer(LimitLayer::new(1))
        .layer(ValidateLayer::new("cache-7"))
        .layer(TargetLayer::new([]))
        .layer(EgressLayer::new(EgressPolicy::default()))
        .layer(HopLayer::new("cache-7".parse().unwrap()))
        .service(service_fn(|request: Request<Body>| async move {
            let target: &Target = request.extensions().get().unwrap();
            Ok::<_, BoxError>(Response::new(Body::from(target.uri.to_string())))
        }))
}

fn forward(uri: &str) -> Request<Body> {
    let mut request = get(uri);
    request
        .headers_mut()
        .insert(HOST, "example.com".parse().unwrap());
    request
}

#[tokio::test]
async fn a_request_goes_through_all_layers_and_back() {
    let outcomes = Outcomes::default();
    let Ok(response) = edge(&outcomes)
        .oneshot(forward("http://example.com/a"))
        .await;
    assert_eq!(response.headers()[VIA], "1.1 cache-7");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "http://example.com/a");
    assert_eq!(*outcomes.0.lock().unwrap(), [Outcome::Complete]);
}

#[tokio::test]
async fn each_refusal_becomes_its_response() {
    let outcomes = Outcomes::default();
    let service = edge(&outcomes);
    let mut looped = forward("http://example.com/");
    looped
        .headers_mut()
        .insert(VIA, "1.1 cache-7".parse().unwrap());
    for (request, status) in [
        (get("http://example.com/"), StatusCode::BAD_REQUEST),
        (looped, StatusCode::LOOP_DETECTED),
        (forward("/fetch"), StatusCode::BAD_REQUEST),
        (
            forward("/fetch?url=http://10.0.0.1/"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let Ok(response) = service.clone().oneshot(request).await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn one_download_too_many_is_shed() {
    let service = edge(&Outcomes::default());
    let Ok(first) = service
        .clone()
        .oneshot(forward("http://example.com/"))
        .await;
    let Ok(second) = service
        .clone()
        .oneshot(forward("http://example.com/"))
        .await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(first);
    let Ok(third) = service.oneshot(forward("http://example.com/")).await;
    assert_eq!(third.status(), StatusCode::OK);
}
