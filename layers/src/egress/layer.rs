//! [`EgressLayer`].

use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::EgressPolicy, service::Egress};

/// Refuses targets that the policy forbids. See the [module docs](crate::egress) for an example.
#[derive(Clone, Debug)]
pub struct EgressLayer {
    policy: Arc<EgressPolicy>,
}

impl EgressLayer {
    /// Asks `policy`.
    pub fn new(policy: impl Into<Arc<EgressPolicy>>) -> Self {
        Self {
            policy: policy.into(),
        }
    }
}

impl<S> Layer<S> for EgressLayer {
    type Service = Egress<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Egress::new(inner, self.policy.clone())
    }
}
