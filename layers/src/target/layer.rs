//! [`TargetLayer`].

use http::uri::Authority;
use tower_layer::Layer;

use super::{mirrors::Mirrors, names::OwnNames, service::TargetService};

/// Gives each request its target. See the [module docs](crate::target) for an example.
#[derive(Clone, Debug)]
pub struct TargetLayer {
    own: OwnNames,
    mirrors: Mirrors,
}

impl TargetLayer {
    /// `own_names` are the authorities under which our own listeners are known, such as
    /// `cache.example.com:8080`, `localhost:8080` and `127.0.0.1:8080`. A name without port stands
    /// for ports 80 and 443.
    pub fn new(own_names: impl IntoIterator<Item = Authority>) -> Self {
        Self {
            own: OwnNames::new(own_names),
            mirrors: Mirrors::default(),
        }
    }

    /// Serves these mirrors.
    #[must_use]
    pub fn with_mirrors(self, mirrors: Mirrors) -> Self {
        Self { mirrors, ..self }
    }
}

impl<S> Layer<S> for TargetLayer {
    type Service = TargetService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TargetService::new(inner, self.own.clone(), self.mirrors.clone())
    }
}
