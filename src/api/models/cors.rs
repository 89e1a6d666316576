//! Which browsers' pages may use the registry (the CORS protocol of the Fetch standard). Keys are sent in
//! a field, never as a cookie, so credentials are never allowed.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};

use crate::{config::registry::Registry as Settings, error::Error};

const METHODS: HeaderValue =
    HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
/// Seconds for which a browser may remember a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// What a page may read beyond the simple fields.
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, x-request-id, retry-after");

/// What a request's origin may do.
pub(super) struct Origins {
    origin: Option<HeaderValue>,
    is_allowed: bool,
}

impl Origins {
    /// The origin that a request names.
    pub(super) fn of(settings: &Settings, fields: &HeaderMap) -> Self {
        let origin = fields.get(header::ORIGIN).cloned();
        let mut allowed = settings.cors_origins.iter();
        let is_allowed = origin.as_ref().is_some_and(|origin| {
            allowed.any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
        });
        Self { origin, is_allowed }
    }

    /// The answer to a preflight; nothing when the request is none.
    pub(super) fn preflight(
        &self,
        request: &Request<Body>,
    ) -> Option<Result<Response<Body>, Error>> {
        let fields = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && self.origin.is_some()
            && fields.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        if !self.is_allowed {
            let message = "Disallowed CORS origin".to_owned();
            return Some(Err(Error::InvalidInput { message }));
        }
        let mut response = Response::new(Body::from("OK"));
        let answer = response.headers_mut();
        answer.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if let Some(wanted) = fields.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(Ok(response))
    }

    /// Tells the browser that the page may read the answer.
    pub(super) fn allow(self, response: &mut Response<Body>) {
        let Some(origin) = self.origin else {
            return;
        };
        let fields = response.headers_mut();
        fields.append(header::VARY, HeaderValue::from_static("Origin"));
        if self.is_allowed {
            fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            fields.insert(
                HeaderName::from_static("access-control-expose-headers"),
                EXPOSED,
            );
        }
    }
}
