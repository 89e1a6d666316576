//! The `target` layer: four forms of a request target, and every way to get them wrong.

mod forms;
mod parameters;

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    extensions::Target,
    target::{Fault, InvalidTarget, TargetLayer},
};
use http::Request;

use crate::support::{get, reached};

fn layer() -> TargetLayer {
    TargetLayer::new(["cache.example.com:8080", "127.0.0.1:8080"].map(|name| name.parse().unwrap()))
}

async fn target(request: Request<Body>) -> Result<Option<Target>, BoxError> {
    let request = reached(layer(), request).await?;
    Ok(request.extensions().get().cloned())
}

async fn fetched(uri: &str) -> Target {
    target(get(uri)).await.unwrap().expect("a target")
}

async fn refused(uri: &str) -> InvalidTarget {
    refused_request(get(uri)).await
}

async fn refused_request(request: Request<Body>) -> InvalidTarget {
    let error = target(request).await.expect_err("a refusal");
    cause_of::<InvalidTarget>(&*error)
        .expect("a typed refusal")
        .clone()
}

fn invalid(parameter: &'static str, fault: Fault) -> InvalidTarget {
    InvalidTarget::InvalidParameter { parameter, fault }
}
