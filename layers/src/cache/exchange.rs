//! One request on its way through the cache: what it asks for, the store, and the way to the origin.

use std::{ops::Range, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use tower_service::Service;

use super::{
    answer::{Head, answer},
    negative::Negative,
    rules::Rules,
    store::{Content, Store, StoredSet},
};
use crate::{
    body::{Body, BoxError},
    extensions::{Asked, Looked, Target},
    semantics::{
        cache_key::CacheKey,
        range::{self, ContentRange, Selected},
        stored_response::StoredResponse,
        validation::strong_validator,
    },
    share::{Share, Verdict, Wanted},
};

/// How far behind the wanted bytes a fill may be for a range to wait for it.
const NEAR: u64 = 4 << 20;

/// One request on its way through the cache.
pub(super) struct Exchange<S, T: Store> {
    pub(super) inner: S,
    pub(super) store: T,
    pub(super) rules: Arc<Rules>,
    pub(super) negative: Negative,
    pub(super) target: Target,
    pub(super) key: CacheKey,
    pub(super) head: request::Parts,
    /// What the last read of the store found.
    pub(super) set: Option<T::Set>,
}

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    T: Store,
{
    pub(super) fn now(&self) -> SystemTime {
        (self.rules.now)()
    }

    /// Reads the store.
    pub(super) fn look(&mut self) -> Result<(), BoxError> {
        self.set = self.store.stored(&self.key)?;
        Ok(())
    }

    /// A request to the origin with the client's method and these fields.
    pub(super) fn request(&self, fields: HeaderMap) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.target.uri.to_uri();
        *request.headers_mut() = fields;
        let extensions = request.extensions_mut();
        extensions.clone_from(&self.head.extensions);
        extensions.insert(self.target.clone());
        extensions.insert(Asked(self.now()));
        extensions.insert(Looked(self.set.as_ref().map_or(0, StoredSet::revision)));
        request
    }

    /// Sends a request towards the origin.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        std::future::poll_fn(|cx| self.inner.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        self.inner.call(request).await.map_err(Into::into)
    }

    /// The stored bytes; `None` when they are gone, which makes the request a miss.
    pub(super) async fn open(
        &mut self,
        response: &StoredResponse,
    ) -> Result<Option<T::Content>, BoxError> {
        let content = self.store.open(response).await?;
        if content.is_none() {
            Box::pin(self.store.lost(&response.digest)).await?;
            self.look()?;
        }
        Ok(content)
    }

    /// The answer from stored bytes.
    pub(super) fn answer_from_store(
        &self,
        content: &T::Content,
        length: u64,
        head: Head,
    ) -> Response<Body> {
        answer(&self.head, head, length, |range| content.body(range))
    }

    /// The answer from a body that is still arriving.
    pub(super) async fn answer_from_share(
        &mut self,
        share: &Arc<dyn Share>,
        head: Head,
        wanted: Wanted,
    ) -> Response<Body> {
        let Some(length) = share.length() else {
            return self.of_unknown_length(share, head, wanted).await;
        };
        // A pin speaks of the whole: a part from elsewhere could not be checked against it.
        if wanted.expect.is_none()
            && let Some(part) = self.part(share, &head, length).await
        {
            return part;
        }
        self.answer_of_length(share, head, &wanted, length)
    }

    fn answer_of_length(
        &self,
        share: &Arc<dyn Share>,
        head: Head,
        wanted: &Wanted,
        length: u64,
    ) -> Response<Body> {
        answer(&self.head, head, length, |range| {
            share.body(Wanted {
                range: Some(range),
                ..wanted.clone()
            })
        })
    }

    /// The `Range` field, when the client is to be answered by a part of a response with this head.
    fn wanted_range(&self, head: &Head) -> Option<HeaderValue> {
        let request = &self.head.headers;
        range::applicable(&self.head.method, request, &head.fields)?;
        let range = request.get(header::RANGE)?;
        (head.status == StatusCode::OK).then(|| range.clone())
    }

    /// Without a known length a body is sent as it comes; a range of it is asked of the origin.
    async fn of_unknown_length(
        &mut self,
        share: &Arc<dyn Share>,
        head: Head,
        wanted: Wanted,
    ) -> Response<Body> {
        if let Some(range) = self.wanted_range(&head) {
            if wanted.expect.is_none()
                && let Some(part) = self.ask_part(share, &head, range).await
            {
                return part;
            }
            if let Verdict::Complete { length, .. } = share.verdict().await {
                return self.answer_of_length(share, head, &wanted, length);
            }
        }
        let is_head = self.head.method == Method::HEAD;
        let mut response = Response::new(if is_head {
            Body::empty()
        } else {
            share.body(wanted)
        });
        *response.status_mut() = head.status;
        *response.headers_mut() = head.fields;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
    }

    /// One range far ahead of the fill is asked of the origin, beside the fill, so that it arrives as
    /// soon as the origin can send it; at most one such transfer at a time.
    async fn part(
        &mut self,
        share: &Arc<dyn Share>,
        head: &Head,
        length: u64,
    ) -> Option<Response<Body>> {
        if head.status != StatusCode::OK {
            return None;
        }
        let selected = range::select(&self.head.method, &self.head.headers, &head.fields, length);
        let Selected::One(Range { start, end }) = selected else {
            return None;
        };
        if start <= share.available().saturating_add(NEAR) {
            return None;
        }
        let range = HeaderValue::try_from(format!("bytes={start}-{}", end - 1)).ok()?;
        let part = self.ask_part(share, head, range).await?;
        let got = ContentRange::parse(part.headers().get(header::CONTENT_RANGE)?)?;
        (got.first == start && got.last + 1 == end && got.complete == Some(length)).then_some(part)
    }

    /// Asks the origin for a part of the representation that is being filled. Without a strong validator
    /// nobody could tell whether both are the same, so the fill has to do.
    async fn ask_part(
        &mut self,
        share: &Arc<dyn Share>,
        head: &Head,
        range: HeaderValue,
    ) -> Option<Response<Body>> {
        let validator = strong_validator(share.fields())?;
        let permit = share.try_part()?;
        let mut fields = self.upstream_fields();
        fields.insert(header::RANGE, range);
        fields.insert(header::IF_RANGE, validator);
        let (parts, body) = self.send(self.request(fields)).await.ok()?.into_parts();
        if parts.status != StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let mut response = Response::new(body.watched(Box::new(Held(permit))));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().clone_from(&head.fields);
        for name in [
            header::CONTENT_RANGE,
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
        ] {
            if let Some(value) = parts.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Some(response)
    }

    /// Fields of a request for a whole representation, whatever part or version the client asked for.
    pub(super) fn upstream_fields(&self) -> HeaderMap {
        if self.target.mode.is_archive() {
            return archive_request_fields();
        }
        let mut fields = self.head.headers.clone();
        fields.remove(header::RANGE);
        fields.remove(header::IF_RANGE);
        fields
    }
}

/// What an explicit request asks with: the stored bytes are the artifact's own, never a coding made for
/// one client.
pub(super) fn archive_request_fields() -> HeaderMap {
    let identity = HeaderValue::from_static("identity");
    HeaderMap::from_iter([(header::ACCEPT_ENCODING, identity)])
}

/// Keeps the permit of a part as long as its body is being sent.
struct Held(#[expect(dead_code, reason = "held for its drop")] crate::share::PartPermit);

impl crate::body::Watch for Held {
    fn data(&mut self, _len: u64) {}
}
