//! [`Denied`], a refusal by the egress policy, and [`DeniedRequest`], a request that met one.

use std::fmt;

use crate::semantics::target_uri::TargetUri;

/// The policy forbids to reach something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Which rule says so: `scheme`, `host`, `allow_ports`, `allow_hosts`, `deny_hosts`, `buckets`, `own_address`,
    /// `metadata`, or the class of a special-purpose address such as `loopback` or `private`.
    pub rule: &'static str,
    /// What was to be reached.
    pub what: String,
}

impl Denied {
    pub(super) fn by(rule: &'static str, what: impl fmt::Display) -> Self {
        Self {
            rule,
            what: what.to_string(),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the egress rule `{}` forbids {}", self.rule, self.what)
    }
}

impl std::error::Error for Denied {}

/// A request was refused; the cause says by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedRequest {
    /// What was asked for.
    pub uri: TargetUri,
    pub(super) denied: Denied,
}

impl fmt::Display for DeniedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} may not be asked for", self.uri)
    }
}

impl std::error::Error for DeniedRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.denied)
    }
}
