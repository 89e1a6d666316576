//! The way into a proxy: five layers in front of a service that says what it would fetch. Prints what
//! becomes of requests, good and bad.
//!
//! `cargo run -p artifact-cache-layers --features full --example edge`

use std::{convert::Infallible, error::Error};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    egress::{Denied, EgressLayer, EgressPolicy},
    extensions::Target,
    limit::{LimitLayer, Overloaded},
    record::{End, RecordLayer, Recorder},
    rescue::RescueLayer,
    target::{InvalidTarget, TargetLayer},
    validate::{InvalidRequest, ValidateLayer},
};
use http::{Request, Response, StatusCode, header::HOST};
use http_body_util::BodyExt as _;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

/// Prints a line for each request, when its last byte has left.
struct Log;

impl Recorder for Log {
    type Memo = String;

    fn started(&self, request: &Request<Body>) -> String {
        request.uri().to_string()
    }

    fn finished(&self, uri: String, end: End) {
        println!("{uri}\n  {:?}, {} bytes", end.outcome, end.bytes);
    }
}

/// The one table from errors to statuses.
fn respond(error: &(dyn Error + 'static)) -> Response<Body> {
    let status = if let Some(invalid) = cause_of::<InvalidRequest>(error) {
        invalid.status()
    } else if cause_of::<InvalidTarget>(error).is_some() {
        StatusCode::BAD_REQUEST
    } else if cause_of::<Denied>(error).is_some() {
        StatusCode::FORBIDDEN
    } else if cause_of::<Overloaded>(error).is_some() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut response = Response::new(Body::from(format!("{error}\n")));
    *response.status_mut() = status;
    response
}

/// Stands for the cache.
async fn inside(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let answer = match request.extensions().get::<Target>() {
        Some(target) => format!("{:?} {}\n", target.mode, target.uri),
        None => format!("local route {}\n", request.uri().path()),
    };
    Ok(Response::new(Body::from(answer)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let edge = ServiceBuilder::new()
        .layer(RecordLayer::new(Log))
        .layer(RescueLayer::new(respond))
        .layer(LimitLayer::new(4096))
        .layer(ValidateLayer::new("cache-7"))
        .layer(TargetLayer::new(["cache.example.com:8080".parse()?]));
    let local = edge.clone().service_fn(inside);
    let guarded = edge
        .layer(EgressLayer::new(EgressPolicy::default()))
        .service(service_fn(inside));

    for uri in [
        "http://example.com/a.tgz",
        "/fetch?url=https%3A%2F%2Fexample.com%2Fa.tgz",
        "/fetch/https/example.com/a.tgz?version=2",
        "/fetch?url=http://example.com/a?b=1&c=2",
        "/fetch?url=http://2130706433/admin",
        "/fetch?url=http://[::ffff:169.254.169.254]/latest/meta-data/",
    ] {
        show(guarded.clone(), uri).await?;
    }
    show(local, "http://cache.example.com:8080/health").await
}

async fn show<S>(service: S, uri: &str) -> Result<(), BoxError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let host = "cache.example.com:8080";
    let request = Request::get(uri).header(HOST, host).body(Body::empty())?;
    let response = service.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    print!("  {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}
