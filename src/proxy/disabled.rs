//! `SwitchedOff`: what stands in the place of the forward proxy when `proxy.enabled` is off.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Request, Response};
use tower::Service;

use super::Refusal;
use crate::error::Error;

/// Refuses every request that only a forward proxy would answer.
#[derive(Clone, Copy, Debug)]
pub struct SwitchedOff;

impl Service<Request<Body>> for SwitchedOff {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Clients show the reason phrase of a refused CONNECT, and nothing else.
        ready(if request.method() == Method::CONNECT {
            Ok(Refusal::Denied(Error::ProxyDisabled.into()).into_response())
        } else {
            Err(Error::ProxyDisabled.into())
        })
    }
}
