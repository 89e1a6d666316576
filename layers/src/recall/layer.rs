//! [`RecallLayer`].

use std::{fmt, sync::Arc, time::SystemTime};

use tower_layer::Layer;

use super::{answers::Answers, service::Recall};

/// Gives again what was given a moment ago. See the [module docs](crate::recall) for an example.
pub struct RecallLayer<C> {
    answers: Arc<Answers>,
    now: C,
}

impl<C: Fn() -> SystemTime> RecallLayer<C> {
    /// Keeps answers for all services of this layer together; `now` is the clock that the layer inside
    /// goes by as well.
    pub fn new(now: C) -> Self {
        let answers = Arc::new(Answers::new());
        Self { answers, now }
    }
}

impl<S, C: Clone> Layer<S> for RecallLayer<C> {
    type Service = Recall<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Recall::new(inner, self.answers.clone(), self.now.clone())
    }
}

impl<C: Clone> Clone for RecallLayer<C> {
    fn clone(&self) -> Self {
        Self {
            answers: self.answers.clone(),
            now: self.now.clone(),
        }
    }
}

impl<C> fmt::Debug for RecallLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecallLayer").finish_non_exhaustive()
    }
}
