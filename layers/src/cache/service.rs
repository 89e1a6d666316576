//! The service of the `cache` layer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{Source, Unanswered, exchange::Exchange, negative::Negative, store::Store};
use crate::{
    body::{Body, BoxError},
    extensions::Target,
    semantics::cache_key::CacheKey,
};

/// Answers from a store what may be answered from there. See the [module docs](super).
#[derive(Clone)]
pub struct Cache<S, T> {
    inner: S,
    store: T,
    rules: Source,
    negative: Negative,
}

impl<S, T> Cache<S, T> {
    pub(super) fn new(inner: S, store: T, rules: Source, negative: Negative) -> Self {
        Self {
            inner,
            store,
            rules,
            negative,
        }
    }
}

impl<S, T> Service<Request<Body>> for Cache<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    T: Store,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    /// Always ready: a hit does not need the service inside, which is polled when it is asked.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inner = self.inner.clone();
        let Some(target) = request.extensions().get::<Target>().cloned() else {
            return Box::pin(async move {
                std::future::poll_fn(|cx| inner.poll_ready(cx))
                    .await
                    .map_err(Into::into)?;
                inner.call(request).await.map_err(Into::into)
            });
        };
        let (head, body) = request.into_parts();
        let is_archive = target.mode.is_archive();
        let mut exchange = Exchange {
            inner,
            store: self.store.clone(),
            rules: Arc::clone(&(self.rules)()),
            negative: self.negative.clone(),
            key: CacheKey::of(&target.uri),
            target,
            head,
            set: None,
        };
        Box::pin(async move {
            let answer = if is_archive {
                exchange.archive().await
            } else {
                exchange.forward(body).await
            };
            match answer {
                Ok(mut response) => {
                    response.extensions_mut().insert(Arc::new(exchange.target));
                    Ok(response)
                }
                Err(source) => Err(Unanswered {
                    uri: exchange.target.uri,
                    source,
                }
                .into()),
            }
        })
    }
}
