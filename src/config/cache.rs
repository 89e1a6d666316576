//! Section `cache`: what the forward proxy stores and reuses beyond RFC 9111's defaults.

use super::{setting::section, units::Span};

section! {
    /// Freedoms that RFC 9111 leaves to a cache. They concern the forward proxy; what `/fetch` stores
    /// never expires.
    pub struct Cache {
        /// Serve a stale response when the origin fails, unless the response forbids it.
        pub stale_if_error: bool = true,
        /// Longest heuristic freshness (10 % of the age since `Last-Modified`).
        pub max_heuristic: Span = Span::seconds(24 * 3600),
        /// Whether 404, 405, 410, 414 and 501 without explicit freshness may be fresh by heuristics.
        pub heuristic_errors: bool = false,
    }
}
