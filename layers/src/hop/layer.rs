//! [`HopLayer`].

use tower_layer::Layer;

use super::{pseudonym::Pseudonym, service::Hop};

/// Ends hop-by-hop fields and adds `Via`. See the [module docs](crate::hop) for an example.
#[derive(Clone, Debug)]
pub struct HopLayer {
    pseudonym: Pseudonym,
}

impl HopLayer {
    /// `pseudonym` is our name in `Via`.
    #[must_use]
    pub fn new(pseudonym: Pseudonym) -> Self {
        Self { pseudonym }
    }
}

impl<S> Layer<S> for HopLayer {
    type Service = Hop<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Hop::new(inner, self.pseudonym.clone())
    }
}
