//! [`LimitLayer`].

use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{error::Overloaded, places::Places, service::Limit};

/// Limits requests under way. See the [module docs](crate::limit) for an example.
#[derive(Clone, Debug)]
pub struct LimitLayer {
    places: Arc<Places>,
    overloaded: Overloaded,
    head_deadline: Option<Duration>,
}

impl LimitLayer {
    /// At most `max_requests` requests at once, their response bodies included.
    #[must_use]
    pub fn new(max_requests: usize) -> Self {
        Self {
            places: Places::new(max_requests),
            overloaded: Overloaded { max_requests },
            head_deadline: None,
        }
    }

    /// Gives up a request whose response head takes longer than `deadline`.
    #[must_use]
    pub fn with_head_deadline(self, deadline: Duration) -> Self {
        Self {
            head_deadline: Some(deadline),
            ..self
        }
    }

    /// How many requests are being served now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.places.taken()
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit::new(
            inner,
            self.places.clone(),
            self.overloaded,
            self.head_deadline,
        )
    }
}
