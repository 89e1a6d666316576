//! [`Asker`]: asks for one range of one representation.

use std::{fmt, future::poll_fn, ops::Range};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request};
use http_body::Body as _;
use tower_service::Service;

use super::Terms;
use crate::{
    body::{Body, BoxError},
    semantics::range::ContentRange,
};

/// Who is asked for ranges, and of what.
#[derive(Clone)]
pub(super) struct Asker<S> {
    service: S,
    head: request::Parts,
    tag: HeaderValue,
    /// Bytes of the whole.
    pub(super) length: u64,
}

/// An origin was asked for a range and answered something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTheRange(StatusCode);

impl<S> Asker<S> {
    /// Who would be asked for ranges of what `response` begins; `None` where the terms or the origin are against it.
    pub(super) fn of(
        service: S,
        head: request::Parts,
        response: &Response<Body>,
        terms: &Terms,
    ) -> Option<Self> {
        let length = response.body().size_hint().exact()?;
        let tag = response.headers().get(header::ETAG)?;
        let fits = response.status() == StatusCode::OK
            && length >= terms.least_bytes
            && length > terms.range_bytes
            && tag.as_bytes().starts_with(b"\"")
            && takes_ranges(response.headers());
        fits.then(|| Self {
            service,
            head,
            tag: tag.clone(),
            length,
        })
    }

    fn request(&self, range: &Range<u64>) -> Result<Request<Body>, BoxError> {
        let mut request = Request::from_parts(self.head.clone(), Body::empty());
        let value = format!("bytes={}-{}", range.start, range.end - 1);
        let fields = request.headers_mut();
        fields.insert(header::RANGE, HeaderValue::try_from(value)?);
        fields.insert(header::IF_RANGE, self.tag.clone());
        Ok(request)
    }

    /// Whether a response is `range` of the same representation (RFC 9110 §15.3.7).
    fn is_range(&self, response: &Response<Body>, range: &Range<u64>) -> bool {
        let fields = response.headers();
        let said = fields.get(header::CONTENT_RANGE);
        let Some(said) = said.and_then(ContentRange::parse) else {
            return false;
        };
        let length = response.body().size_hint().exact();
        response.status() == StatusCode::PARTIAL_CONTENT
            && (said.first, said.last + 1) == (range.start, range.end)
            && said.complete == Some(self.length)
            && length.is_none_or(|length| length == range.end - range.start)
            && fields.get(header::ETAG) == Some(&self.tag)
    }
}

impl<S> Asker<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>>,
{
    /// The bytes of `range`, which is not empty.
    pub(super) async fn ask(mut self, range: Range<u64>) -> Result<Body, BoxError> {
        let request = self.request(&range)?;
        let ready = poll_fn(|cx| self.service.poll_ready(cx)).await;
        ready.map_err(Into::into)?;
        let response = self.service.call(request).await.map_err(Into::into)?;
        if self.is_range(&response, &range) {
            Ok(response.into_body())
        } else {
            Err(NotTheRange(response.status()).into())
        }
    }
}

/// Whether the origin says so (RFC 9110 §14.3).
fn takes_ranges(fields: &HeaderMap) -> bool {
    let units = fields.get_all(header::ACCEPT_RANGES).iter();
    let mut units = units.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    units.any(|unit| unit.trim_ascii().eq_ignore_ascii_case(b"bytes"))
}

impl fmt::Display for NotTheRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "asked for a range, the origin answered {} and something else",
            self.0
        )
    }
}

impl std::error::Error for NotTheRange {}
