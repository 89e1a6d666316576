//! [`SigV4Layer`].

use std::{fmt, sync::Arc, time::SystemTime};

use tower_layer::Layer;

use super::{Provide, Signer, service::SigV4};

/// Signs requests to one host. See the [module docs](crate::sigv4) for an example.
#[derive(Clone)]
pub struct SigV4Layer {
    pub(super) signer: Signer,
    pub(super) host: Arc<str>,
    pub(super) provider: Arc<dyn Provide>,
    pub(super) now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl SigV4Layer {
    /// Signs requests to `host` and to names below it, where buckets may be, with the keys of `provider`
    /// at the time that `now` tells. A clock more than 15 minutes off makes every signature invalid.
    pub fn new(
        signer: Signer,
        host: &str,
        provider: impl Provide + 'static,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        Self {
            signer,
            host: host.to_ascii_lowercase().into(),
            provider: Arc::new(provider),
            now: Arc::new(now),
        }
    }
}

impl<S> Layer<S> for SigV4Layer {
    type Service = SigV4<S>;

    fn layer(&self, inner: S) -> SigV4<S> {
        SigV4::new(inner, self.clone())
    }
}

impl fmt::Debug for SigV4Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4Layer")
            .field("signer", &self.signer)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
