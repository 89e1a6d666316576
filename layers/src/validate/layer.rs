//! [`ValidateLayer`].

use std::sync::Arc;

use tower_layer::Layer;

use super::{limits::Limits, service::Validate};

/// Refuses invalid requests. See the [module docs](crate::validate) for an example.
#[derive(Clone, Debug)]
pub struct ValidateLayer {
    limits: Limits,
    pseudonym: Arc<str>,
}

impl ValidateLayer {
    /// `pseudonym` is the name that we put into `Via`. It must be ours alone: two caches in a row
    /// that share one take each other's requests for loops.
    pub fn new(pseudonym: impl AsRef<str>) -> Self {
        Self {
            limits: Limits::default(),
            pseudonym: pseudonym.as_ref().into(),
        }
    }

    /// Other limits than the defaults.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

impl<S> Layer<S> for ValidateLayer {
    type Service = Validate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Validate::new(inner, self.limits, self.pseudonym.clone())
    }
}
