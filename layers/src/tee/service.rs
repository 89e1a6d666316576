//! The service of the `tee` layer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, Request, Response, header, request};
use http_body::Body as _;
use tower_service::Service;

use super::{
    admit::{Admission, Admit},
    origin::{Origin, Start},
    pump::Pump,
    sink::Sink as _,
};
use crate::{
    body::{Body, BoxError},
    extensions::Target,
    semantics::validation::strong_validator,
    share::{NotKept, Shared},
};

/// Sends the bodies of admitted responses into a sink. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct Tee<S, A> {
    inner: S,
    admit: A,
}

impl<S, A> Tee<S, A> {
    /// Wraps `inner`.
    pub fn new(inner: S, admit: A) -> Self {
        Self { inner, admit }
    }
}

impl<S, A> Service<Request<Body>> for Tee<S, A>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    A: Admit,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !is_candidate(&request) {
            let forwarded = self.inner.call(request);
            return Box::pin(async move { forwarded.await.map_err(Into::into) });
        }
        // The service that was polled ready takes this request, and may be asked for the rest later.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let origin = Origin::new(ready, head_of(&request));
        Box::pin(keep(origin, self.admit.clone(), request))
    }
}

/// Only whole representations are kept, and only of requests that say what they ask for.
fn is_candidate(request: &Request<Body>) -> bool {
    request.method() == Method::GET
        && request.extensions().get::<Target>().is_some()
        && !request.headers().contains_key(header::RANGE)
        && request.body().is_end_stream()
}

fn head_of(request: &Request<Body>) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}

async fn keep<S, A>(
    mut origin: Origin<S>,
    admit: A,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError>
where
    S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    A: Admit,
{
    let head = origin.request().clone();
    let kept = admit.kept(&head).await;
    let Start {
        response,
        continued,
        total,
    } = origin.start(request, kept).await?;
    let from = continued.as_ref().map_or(0, |kept| kept.length);
    let (mut parts, body) = response.into_parts();
    match admit.admit(&head, &parts, continued).await {
        Admission::Refuse(error) => Err(error),
        Admission::Pass(reason) => {
            // The rest alone answers nobody.
            let mut response = match from {
                0 => Response::from_parts(parts, body),
                _ => origin.whole().await?,
            };
            response.extensions_mut().insert(NotKept(reason));
            Ok(response)
        }
        Admission::Keep(sink) => {
            let share = sink.share();
            // Another request may have taken what was left: then the rest would become the beginning.
            let body = (sink.taken() == from).then_some(body);
            let pump = Pump {
                origin,
                sink,
                validator: strong_validator(&parts.headers),
                total,
            };
            admit.spawn(Box::pin(pump.run(body)));
            let collapsed = false;
            parts.extensions.insert(Shared { share, collapsed });
            Ok(Response::from_parts(parts, Body::empty()))
        }
    }
}
