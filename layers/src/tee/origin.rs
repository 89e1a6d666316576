//! Asks the origin for the rest of a body that broke off (RFC 9110 §14.2, §13.1.5).

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request};
use http_body::Body as _;
use tower_service::Service;

use super::admit::Kept;
use crate::{
    body::{Body, BoxError},
    semantics::range::ContentRange,
};

/// The request that started a fill, ready to be sent again.
pub(super) struct Origin<S> {
    service: S,
    request: request::Parts,
}

/// How a fill begins.
pub(super) struct Start {
    /// The answer, as if the whole had been asked for.
    pub(super) response: Response<Body>,
    /// What the body continues.
    pub(super) continued: Option<Kept>,
    /// Length of the whole, when the origin promised one.
    pub(super) total: Option<u64>,
}

/// How the origin answered when asked for the rest.
pub(super) enum Rest {
    /// It goes on exactly where the body broke off.
    Continues {
        /// The bytes that were missing.
        body: Body,
        /// Length of the whole.
        total: u64,
    },
    /// It answers with the whole body instead: the artifact changed, or ranges are not supported.
    Anew(Response<Body>),
}

impl<S> Origin<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    pub(super) fn new(service: S, request: request::Parts) -> Self {
        Self { service, request }
    }

    /// The head of the request that started the fill.
    pub(super) fn request(&self) -> &request::Parts {
        &self.request
    }

    /// Sends the request that starts the fill, for the rest of what was `kept` where there is something.
    /// Its service must be ready.
    pub(super) async fn start(
        &mut self,
        mut request: Request<Body>,
        kept: Option<Kept>,
    ) -> Result<Start, BoxError> {
        let Some(kept) = kept else {
            return Ok(Start::whole(self.call(request).await?));
        };
        resume_fields(request.headers_mut(), kept.length, &kept.validator);
        let response = self.call(request).await?;
        match continued(&response, kept.length, &kept.validator) {
            Some(total) => Ok(Start {
                response: as_whole(response, total),
                continued: Some(kept),
                total: Some(total),
            }),
            None if is_partial(response.status()) => Ok(Start::whole(self.whole().await?)),
            None => Ok(Start::whole(response)),
        }
    }

    /// Asks for the bytes from `from` on, as long as the artifact still has `validator`.
    pub(super) async fn rest(
        &mut self,
        from: u64,
        validator: &HeaderValue,
        total: Option<u64>,
    ) -> Result<Rest, BoxError> {
        let mut request = Request::from_parts(self.request.clone(), Body::empty());
        resume_fields(request.headers_mut(), from, validator);
        let response = self.send(request).await?;
        Ok(match continued(&response, from, validator) {
            Some(found) if total.is_none_or(|total| total == found) => Rest::Continues {
                body: response.into_body(),
                total: found,
            },
            _ => Rest::Anew(response),
        })
    }

    /// Asks for the whole body once more.
    pub(super) async fn whole(&mut self) -> Result<Response<Body>, BoxError> {
        let request = Request::from_parts(self.request.clone(), Body::empty());
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        std::future::poll_fn(|cx| self.service.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        self.call(request).await
    }

    async fn call(&mut self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.service.call(request).await.map_err(Into::into)
    }
}

impl Start {
    fn whole(response: Response<Body>) -> Self {
        Self {
            continued: None,
            total: response.body().size_hint().exact(),
            response,
        }
    }
}

/// Whether a status answers a question for a part, which the client did not ask.
fn is_partial(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

/// Turns a request into one for the bytes from `from` on.
fn resume_fields(fields: &mut HeaderMap, from: u64, validator: &HeaderValue) {
    fields.remove(header::IF_NONE_MATCH);
    fields.remove(header::IF_MODIFIED_SINCE);
    if let Ok(range) = HeaderValue::try_from(format!("bytes={from}-")) {
        fields.insert(header::RANGE, range);
        fields.insert(header::IF_RANGE, validator.clone());
    }
}

/// Length of the whole when `response` goes on at byte `from` of the representation with `validator` and
/// sends all that is missing; `None` when it does anything else.
///
/// An origin that ignores `If-Range` shows by its own validator that it sends something else. A 206 must
/// carry the `ETag` that the 200 had (RFC 9110 §15.3.7), but need not repeat its `Last-Modified`.
fn continued(response: &Response<Body>, from: u64, validator: &HeaderValue) -> Option<u64> {
    let fields = response.headers();
    let range = ContentRange::parse(fields.get(header::CONTENT_RANGE)?)?;
    let complete = range.complete?;
    let is_same = if is_etag(validator) {
        fields.get(header::ETAG) == Some(validator)
    } else {
        let modified = fields.get(header::LAST_MODIFIED);
        modified.is_none_or(|modified| modified == validator)
    };
    let length = response.body().size_hint().exact();
    let goes_on = response.status() == StatusCode::PARTIAL_CONTENT
        && range.first == from
        && range.last + 1 == complete
        && length.is_none_or(|length| from + length == complete);
    (goes_on && is_same).then_some(complete)
}

/// A response that continues a kept part, with the head of the whole, which has `complete` bytes.
fn as_whole(mut response: Response<Body>, complete: u64) -> Response<Body> {
    *response.status_mut() = StatusCode::OK;
    let fields = response.headers_mut();
    fields.remove(header::CONTENT_RANGE);
    fields.insert(header::CONTENT_LENGTH, complete.into());
    response
}

fn is_etag(validator: &HeaderValue) -> bool {
    validator.as_bytes().starts_with(b"\"")
}
