//! [`RescueLayer`].

use tower_layer::Layer;

use super::service::Rescue;

/// Turns errors into responses. See the [module docs](crate::rescue) for an example.
#[derive(Clone, Copy, Debug)]
pub struct RescueLayer<R> {
    respond: R,
}

impl<R> RescueLayer<R> {
    /// Answers errors with `respond`, a [`Respond`](super::Respond).
    pub const fn new(respond: R) -> Self {
        Self { respond }
    }
}

impl<S, R: Clone> Layer<S> for RescueLayer<R> {
    type Service = Rescue<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Rescue::new(inner, self.respond.clone())
    }
}
