//! `Policy`: the freedoms that RFC 9111 leaves to a shared cache. It owns no rule of its own.

use std::time::Duration;

/// What this cache does where RFC 9111 lets it choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Longest heuristic freshness lifetime (§4.2.2); zero turns heuristics off.
    pub max_heuristic: Duration,
    /// Whether 404, 405, 410, 414 and 501 without explicit freshness may be fresh by heuristics.
    pub heuristic_errors: bool,
    /// Whether a stale response is served when the origin fails and nothing forbids it (§4.2.4).
    pub stale_if_error: bool,
    /// Whether the bytes of the resource never change: what is stored with status 200 stays fresh
    /// whatever its lifetime and the request's directives are.
    pub is_immutable: bool,
    /// How long a response without explicit freshness is fresh after it arrived or was confirmed, where
    /// a heuristic would say less.
    pub just_validated: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_heuristic: Duration::from_hours(24),
            heuristic_errors: false,
            stale_if_error: true,
            is_immutable: false,
            just_validated: Duration::ZERO,
        }
    }
}
