//! The authorities under which our own listeners are known.

use std::sync::Arc;

use http::uri::Authority;

use crate::semantics::target_uri::TargetUri;

/// Names of our own listeners. A name without port stands for the default port of either scheme.
#[derive(Clone, Debug)]
pub(super) struct OwnNames(Arc<[Authority]>);

impl OwnNames {
    pub(super) fn new(names: impl IntoIterator<Item = Authority>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether `uri` leads to ourselves.
    pub(super) fn contain(&self, uri: &TargetUri) -> bool {
        self.0.iter().any(|name| is_same(name, uri))
    }
}

fn is_same(name: &Authority, uri: &TargetUri) -> bool {
    let port = name.port_u16().or(match uri.scheme() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    });
    port == Some(uri.port()) && name.host().eq_ignore_ascii_case(uri.host())
}
