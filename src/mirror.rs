//! The door `/mirror/<name>/…`: what is answered there leads back there. Bodies are the upstream's byte
//! for byte; a `Location` is translated when it stays within a mirror, and absolute when it does not.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Target,
    semantics::target_uri::TargetUri,
    target::Mirrors,
};
use http::{HeaderValue, Request, Response, header::LOCATION};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// Makes [`Mirrored`] services.
#[derive(Clone, Debug)]
pub struct MirrorLayer(Arc<Translation>);

#[derive(Debug)]
struct Translation {
    mirrors: Mirrors,
    /// Without a slash at its end; empty for references that are paths.
    public_url: String,
}

impl MirrorLayer {
    /// Translates references below `mirrors`, to URLs below `public_url` if there is one.
    #[must_use]
    pub fn new(mirrors: Mirrors, public_url: Option<&str>) -> Self {
        let public_url = public_url.unwrap_or_default().trim_end_matches('/').into();
        Self(Arc::new(Translation {
            mirrors,
            public_url,
        }))
    }
}

impl<S> Layer<S> for MirrorLayer {
    type Service = Mirrored<S>;

    fn layer(&self, inner: S) -> Mirrored<S> {
        let translation = Arc::clone(&self.0);
        Mirrored { inner, translation }
    }
}

/// Translates the references of responses.
#[derive(Clone, Debug)]
pub struct Mirrored<S> {
    inner: S,
    translation: Arc<Translation>,
}

impl<S> Service<Request<Body>> for Mirrored<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Translating<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let target = request.extensions().get::<Target>();
        Translating {
            target: target.map(|target| target.uri.clone()),
            translation: Arc::clone(&self.translation),
            response: self.inner.call(request),
        }
    }
}

pin_project! {
    /// Waits for a response and translates its references.
    pub struct Translating<F> {
        target: Option<TargetUri>,
        translation: Arc<Translation>,
        #[pin]
        response: F,
    }
}

impl<F> Future for Translating<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.response.poll(cx))?;
        if let Some(target) = this.target {
            this.translation.translate(target, &mut response);
        }
        Poll::Ready(Ok(response))
    }
}

impl Translation {
    /// `Content-Location` only says where the upstream has it, and stays as it is.
    fn translate(&self, target: &TargetUri, response: &mut Response<Body>) {
        let location = response.headers().get(LOCATION);
        let reference = location.and_then(|value| value.to_str().ok());
        if let Some(here) = reference.and_then(|reference| self.here(target, reference)) {
            response.headers_mut().insert(LOCATION, here);
        }
    }

    /// The reference as our own, or as an absolute one where no mirror covers it: it would otherwise be
    /// resolved against us. A relative path leads to the right place as it is.
    fn here(&self, target: &TargetUri, reference: &str) -> Option<HeaderValue> {
        if is_relative_path(reference) {
            return None;
        }
        let text = match self.mirrors.path_of(target, reference) {
            Some(path) => format!("{}{path}", self.public_url),
            None => target.join(reference).ok()?.to_string(),
        };
        HeaderValue::try_from(text).ok()
    }
}

/// A reference with neither scheme nor authority nor a path from the root (RFC 3986 §4.2).
fn is_relative_path(reference: &str) -> bool {
    let head = reference.split(['/', '?', '#']).next().unwrap_or_default();
    !reference.starts_with('/') && !head.contains(':')
}
