//! `CacheStatus`: how a cache handled a request, as a field (RFC 9211).

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{reuse::ForwardReason, status_field};

/// The name of the field.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What one cache did with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    forward: Option<ForwardReason>,
    fwd_status: Option<StatusCode>,
    stored: bool,
    collapsed: bool,
    ttl: Option<i64>,
    key: Option<String>,
    detail: Option<String>,
}

impl CacheStatus {
    /// Answered from the store, without going forward (§2.1).
    #[must_use]
    pub fn hit() -> Self {
        Self::default()
    }

    /// Gone forward, for this reason (§2.2).
    #[must_use]
    pub fn forward(reason: ForwardReason) -> Self {
        Self {
            forward: Some(reason),
            ..Self::default()
        }
    }

    /// The status that the next hop answered (§2.3); said only of a forwarded request.
    #[must_use]
    pub fn fwd_status(mut self, status: StatusCode) -> Self {
        self.fwd_status = Some(status);
        self
    }

    /// Whether the response was stored (§2.5); said only of a forwarded request.
    #[must_use]
    pub fn stored(mut self, stored: bool) -> Self {
        self.stored = stored;
        self
    }

    /// Whether the request shared another one's forwarding (§2.6); said only of a forwarded request.
    #[must_use]
    pub fn collapsed(mut self, collapsed: bool) -> Self {
        self.collapsed = collapsed;
        self
    }

    /// The remaining freshness in seconds, negative when stale (§2.4).
    #[must_use]
    pub fn ttl(mut self, seconds: i64) -> Self {
        self.ttl = Some(seconds);
        self
    }

    /// The cache key (§2.7).
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Anything else worth saying, as a token or a string (§2.8).
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(detail.to_owned());
        self
    }

    /// The list member for the cache called `cache_name`.
    #[must_use]
    pub fn to_value(&self, cache_name: &str) -> HeaderValue {
        let mut text = status_field::token_or_string(cache_name);
        match self.forward {
            Some(reason) => self.write_forward(reason, &mut text),
            None => text.push_str("; hit"),
        }
        // Writing to a string never fails.
        if let Some(seconds) = self.ttl {
            let _ = write!(text, "; ttl={seconds}");
        }
        if let Some(key) = &self.key {
            let _ = write!(text, "; key={}", status_field::string(key));
        }
        if let Some(detail) = &self.detail {
            let _ = write!(text, "; detail={}", status_field::token_or_string(detail));
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("cache"))
    }

    fn write_forward(&self, reason: ForwardReason, text: &mut String) {
        let _ = write!(text, "; fwd={}", reason.as_str());
        if let Some(status) = self.fwd_status {
            let _ = write!(text, "; fwd-status={}", status.as_u16());
        }
        text.push_str(if self.stored { "; stored" } else { "" });
        text.push_str(if self.collapsed { "; collapsed" } else { "" });
    }

    /// Appends the member to `fields`: "the first member of the list represents the cache closest to the
    /// origin server, and the last member of the list represents the cache closest to the user" (§2).
    pub fn append_to(&self, fields: &mut HeaderMap, cache_name: &str) {
        fields.append(CACHE_STATUS, self.to_value(cache_name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_tells_neither_forwarding_nor_storing() {
        let status = CacheStatus::hit()
            .stored(true)
            .fwd_status(StatusCode::OK)
            .ttl(-5);
        assert_eq!(
            status.to_value("artifact-cache"),
            "artifact-cache; hit; ttl=-5"
        );
    }

    #[test]
    fn a_forwarded_request_tells_everything() {
        let status = CacheStatus::forward(ForwardReason::UriMiss)
            .fwd_status(StatusCode::NOT_MODIFIED)
            .stored(true)
            .collapsed(true)
            .ttl(60)
            .key("http://example.com/\"a\"")
            .detail("vary-star");
        assert_eq!(
            status.to_value("c"),
            "c; fwd=uri-miss; fwd-status=304; stored; collapsed; ttl=60; \
             key=\"http://example.com/\\\"a\\\"\"; detail=vary-star"
        );
    }

    #[test]
    fn the_nearest_cache_comes_last() {
        let mut fields = HeaderMap::new();
        fields.insert(CACHE_STATUS, HeaderValue::from_static("origin; hit"));
        CacheStatus::hit().append_to(&mut fields, "here");
        let members: Vec<_> = fields.get_all(CACHE_STATUS).into_iter().collect();
        assert_eq!(members, ["origin; hit", "here; hit"]);
    }

    #[test]
    fn no_text_breaks_out_of_the_field() {
        let value = CacheStatus::hit()
            .detail("a\r\nset-cookie: b, c; hit")
            .to_value("c");
        assert_eq!(value, "c; hit; detail=\"a??set-cookie: b, c; hit\"");
    }
}
