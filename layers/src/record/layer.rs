//! [`RecordLayer`].

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{recorder::Recorder, service::Record};

/// Records each request. See the [module docs](crate::record) for an example.
pub struct RecordLayer<R> {
    recorder: Arc<R>,
}

impl<R: Recorder> RecordLayer<R> {
    /// Tells `recorder`, which all services of this layer share.
    pub fn new(recorder: R) -> Self {
        Self {
            recorder: Arc::new(recorder),
        }
    }
}

impl<S, R: Recorder> Layer<S> for RecordLayer<R> {
    type Service = Record<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Record::new(inner, self.recorder.clone())
    }
}

// By hand, because the derived one would demand `R: Clone`.
impl<R> Clone for RecordLayer<R> {
    fn clone(&self) -> Self {
        Self {
            recorder: self.recorder.clone(),
        }
    }
}

impl<R> fmt::Debug for RecordLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordLayer").finish_non_exhaustive()
    }
}
