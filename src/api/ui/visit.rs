//! [`Visit`]: one request for a page: who makes it, and the cookie that its forms are sealed by.

use std::time::SystemTime;

use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};

use crate::access::{COOKIE, Caller, Gate, Scope, TokenId, cookie};

/// One request for a page.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) head: Parts,
    /// The visitor's cookie, sent or to be set.
    pub(super) cookie: String,
    is_new: bool,
    /// What forms for this visitor carry.
    pub(super) seal: String,
    /// Whether tokens are asked for.
    pub(super) is_guarded: bool,
    pub(super) now: SystemTime,
}

impl Visit {
    /// The visit that a request is.
    pub(super) fn begin(gate: &Gate, head: Parts) -> Result<Self, BoxError> {
        let sent = cookie(&head.headers, COOKIE).filter(|value| is_cookie(value));
        let (cookie, is_new) = match sent {
            Some(value) => (value.to_owned(), false),
            None => (gate.sessions().greet()?, true),
        };
        Ok(Self {
            seal: gate.sessions().seal(&cookie),
            is_guarded: gate.asks_for_tokens(),
            now: gate.clock().now(),
            cookie,
            is_new,
            head,
        })
    }

    /// The response with the cookie of a new visitor.
    pub(super) fn leave(self, response: Response<Body>) -> Response<Body> {
        let is_set = response.headers().contains_key(header::SET_COOKIE);
        if self.is_new && !is_set {
            return self.with_cookie(response, &self.cookie, None);
        }
        response
    }

    /// Sets the visitor's cookie: for this session of the browser, or to be forgotten at once.
    pub(super) fn with_cookie(
        &self,
        mut response: Response<Body>,
        value: &str,
        seconds: Option<u32>,
    ) -> Response<Body> {
        let secure = if self.is_https() { "; Secure" } else { "" };
        let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        let line = format!("{COOKIE}={value}; Path=/ui; HttpOnly; SameSite=Strict{secure}{age}");
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().insert(header::SET_COOKIE, line);
        }
        response
    }

    /// Whether the browser came by https, here or to a proxy before us. It says so in what it sends with
    /// every form and with most links.
    pub(super) fn is_https(&self) -> bool {
        let says = |name: &str, is: fn(&str) -> bool| {
            let value = text(&self.head.headers, name);
            value.is_some_and(is)
        };
        says("origin", |origin| origin.starts_with("https://"))
            || says("referer", |referrer| referrer.starts_with("https://"))
            || says("x-forwarded-proto", |scheme| scheme == "https")
    }

    fn caller(&self) -> Option<&Caller> {
        self.head.extensions.get()
    }

    /// Whether the visitor may do this: everybody may where no tokens are asked for.
    pub(super) fn may(&self, scope: Scope) -> bool {
        let caller = self.caller();
        caller.map_or(!self.is_guarded, |caller| caller.may(scope))
    }

    /// The token of the visitor.
    pub(super) fn token(&self) -> Option<TokenId> {
        self.caller().and_then(Caller::token)
    }

    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The first value of a parameter; the empty text where there is none.
    pub(super) fn parameter(&self, name: &str) -> String {
        let mut pairs = url::form_urlencoded::parse(self.query().as_bytes());
        let value = pairs.find_map(|(named, value)| (named == name).then_some(value));
        value.map_or_else(String::new, |value| value.trim().to_owned())
    }
}

/// The first value of a field, if it is text.
pub(super) fn text<'f>(fields: &'f HeaderMap, name: &str) -> Option<&'f str> {
    fields.get(name)?.to_str().ok()
}

/// Leads on to another page, which is asked for with GET (RFC 9110 §15.4.4).
pub(super) fn to(place: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Whether a cookie may be one of ours.
fn is_cookie(value: &str) -> bool {
    value.len() == 48 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}
