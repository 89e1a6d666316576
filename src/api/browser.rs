//! [`BrowserLayer`]: keeps pages of others, in a browser, from using this cache as if they were its own.
//!
//! An artifact is served from the same host as the pages of this cache. If it is a page, it is shown
//! without scripts and without our origin (`Content-Security-Policy: sandbox`), and no script among the
//! artifacts becomes a service worker for our host. What other sites send to the management API is
//! refused, since on a cache that asks for no token a browser would be enough to empty it. Browsers say
//! what they ask for (<https://www.w3.org/TR/fetch-metadata/>); programs, which do not, notice nothing.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{Mode, Target},
    guarded::Guarded,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::error::Error;

const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");

/// Makes [`Browsers`] services. It stands behind the `target` layer.
#[derive(Clone, Copy, Debug)]
pub struct BrowserLayer;

/// Refuses what other pages may not, and shuts in what they could be.
#[derive(Clone, Debug)]
pub struct Browsers<S>(S);

impl<S> Layer<S> for BrowserLayer {
    type Service = Browsers<S>;

    fn layer(&self, inner: S) -> Browsers<S> {
        Browsers(inner)
    }
}

impl<S> Service<Request<Body>> for Browsers<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Shown<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fields = request.headers();
        let dest = fields.get(&DEST);
        let is_shut_in = (dest.is_some() || takes_pages(fields)) && is_content(&request);
        let is_worker = dest.is_some_and(|dest| dest == "serviceworker");
        if is_shut_in && is_worker || is_foreign(&request) {
            return Shown {
                answer: Guarded::refused(Error::Forbidden {
                    reason: "another page may not ask for this".into(),
                }),
                is_shut_in,
            };
        }
        Shown {
            answer: Guarded::passed(self.0.call(request)),
            is_shut_in,
        }
    }
}

/// Whether a page would be shown. Browsers say what for only where they trust the way to us, but what they
/// can show they always say.
fn takes_pages(fields: &HeaderMap) -> bool {
    let accept = fields.get(header::ACCEPT).map(HeaderValue::as_bytes);
    accept.is_some_and(|types| memchr::memmem::find(types, b"text/html").is_some())
}

/// Whether the answer is somebody's bytes under our name: what is proxied is under its own.
fn is_content(request: &Request<Body>) -> bool {
    let target = request.extensions().get::<Target>();
    let is_ours = |target: &Target| !matches!(target.mode, Mode::Forward | Mode::Intercepted);
    let path = request.uri().path();
    let is_bytes = ["/files/", "/cas/", "/production/", "/models/", "/registry/"];
    target.map_or_else(
        || is_bytes.iter().any(|family| path.starts_with(family)),
        is_ours,
    )
}

/// Whether another site's page wants to change something. The registry of models has origins of its own
/// that may (`registry.cors_origins`), and the pages answer for themselves.
fn is_foreign(request: &Request<Body>) -> bool {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let is_managed = || {
        let path = request.uri().path();
        ["/api/", "/files", "/runs/", "/tokenizers/"]
            .iter()
            .any(|family| path.starts_with(family))
    };
    if reads || request.extensions().get::<Target>().is_some() || !is_managed() {
        return false;
    }
    let fields = request.headers();
    match fields.get(&SITE) {
        Some(site) => site != "same-origin" && site != "none",
        None => has_foreign_origin(fields),
    }
}

fn has_foreign_origin(fields: &HeaderMap) -> bool {
    let Some(origin) = fields.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let host = fields.get(header::HOST).and_then(|host| host.to_str().ok());
    match (authority, host) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => true,
    }
}

pin_project! {
    /// The answer, shut in where it is a browser's.
    pub struct Shown<F> {
        #[pin]
        answer: Guarded<F>,
        is_shut_in: bool,
    }
}

impl<F> Future for Shown<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        if !*this.is_shut_in {
            return Poll::Ready(answer);
        }
        Poll::Ready(answer.map(|mut response| {
            let fields = response.headers_mut();
            fields.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
            response
        }))
    }
}
