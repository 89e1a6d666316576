//! [`SigV4`].

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderName, Request, Uri, header::AUTHORIZATION};
use http_body::Body as _;
use tower_service::Service;

use super::{NotSigned, Payload, layer::SigV4Layer};
use crate::body::{Body, BoxError};

/// Signs requests to one host. See the [module docs](crate::sigv4) for an example.
#[derive(Clone, Debug)]
pub struct SigV4<S> {
    inner: S,
    layer: SigV4Layer,
}

impl<S> SigV4<S> {
    pub(super) fn new(inner: S, layer: SigV4Layer) -> Self {
        Self { inner, layer }
    }
}

impl SigV4Layer {
    async fn sign(&self, request: &mut Request<Body>) -> Result<(), BoxError> {
        if !self.is_ours(request.uri()) {
            // A redirect led away with what was meant for us.
            request.headers_mut().remove(AUTHORIZATION);
            request
                .headers_mut()
                .remove(HeaderName::from_static("x-amz-security-token"));
            return Ok(());
        }
        let Some(credentials) = self.provider.provide().await? else {
            return Ok(());
        };
        let payload = payload(request);
        let signed = self
            .signer
            .sign(request, &credentials, payload, (self.now)());
        signed.map_err(NotSigned::into)
    }

    fn is_ours(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        host.strip_suffix(&*self.host)
            .is_some_and(|bucket| bucket.is_empty() || bucket.ends_with('.'))
    }
}

fn payload(request: &Request<Body>) -> Payload {
    match request.extensions().get::<Payload>() {
        Some(payload) => *payload,
        None if request.body().is_end_stream() => Payload::Empty,
        None => Payload::Unsigned,
    }
}

impl<S> Service<Request<Body>> for SigV4<S>
where
    S: Service<Request<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The service that was polled ready takes this request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            layer.sign(&mut request).await?;
            inner.call(request).await.map_err(Into::into)
        })
    }
}
