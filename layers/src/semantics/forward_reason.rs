//! `ForwardReason`: why a request went towards the origin (RFC 9211 §2.2).

/// Why a request went towards the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardReason {
    /// The cache was configured not to handle the request.
    Bypass,
    /// The method's semantics require it to be forwarded.
    Method,
    /// Nothing is stored for the URI.
    UriMiss,
    /// Something is stored for the URI, nothing for the nominated fields.
    VaryMiss,
    /// Nothing stored can be used, for another reason than the two above.
    Miss,
    /// A fresh response is stored, but the request's own directives demand it.
    Request,
    /// The stored response is stale, or may not be used without validation.
    Stale,
    /// Only a part of what is asked for is stored.
    Partial,
}

impl ForwardReason {
    /// The token of RFC 9211.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}
