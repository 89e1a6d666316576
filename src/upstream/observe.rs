//! `Observe`: who is told of requests to origins, for logs and metrics.

use std::time::Duration;

use artifact_cache_layers::semantics::target_uri::TargetUri;
use http::StatusCode;

use super::Reason;

/// Is told what becomes of requests to origins.
pub trait Observe: Send + Sync {
    /// The cache asks for something.
    fn requested(&self) {}
    /// No origin was asked, because none may be.
    fn withheld(&self) {}
    /// A request is tried again.
    fn retried(&self) {}
    /// One attempt at an origin ended so long after it began: with the status of its answer, or without
    /// one, and then `None` means that the guard refused.
    fn asked(&self, _uri: &TargetUri, _end: Result<StatusCode, Option<Reason>>, _took: Duration) {}
}

/// Tells nobody.
impl Observe for () {}
