//! [`Chain`]: the first source that has keys, remembered until shortly before they end.

use std::{sync::Arc, time::Duration};

use artifact_cache_layers::{
    body::BoxError,
    sigv4::{Credentials, Provide, Provided},
};
use tokio::sync::Mutex;

use super::{Environment, of_environment, remote::Remote, shared};
use crate::{clock::Clock, s3::client::Exchange};

/// Temporary keys are renewed so long before they end.
const AHEAD: Duration = Duration::from_mins(5);

/// The keys of this machine, from wherever it has them.
pub struct Chain {
    remote: Remote,
    environment: Environment,
    profile: Option<String>,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

/// What was found, keys or that there are none.
type Known = Option<Credentials>;

impl Chain {
    /// Keys for `region`. Services that give out keys are asked through `exchange`, which must be able to
    /// reach this machine's own.
    #[must_use]
    pub fn new(
        exchange: Exchange,
        environment: Environment,
        region: &str,
        profile: Option<&str>,
        clock: Clock,
    ) -> Self {
        Self {
            remote: Remote::new(exchange, environment.clone(), region),
            environment,
            profile: profile.map(str::to_owned),
            clock,
            known: Mutex::new(None),
        }
    }

    /// Whoever comes while the keys are renewed waits for that one renewal.
    async fn current(&self) -> Result<Known, BoxError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let lasts = |keys: &Credentials, ahead| keys.expires.is_none_or(|at| now + ahead < at);
        if let Some(keys) = &*known
            && keys.as_ref().is_none_or(|keys| lasts(keys, AHEAD))
        {
            return Ok(keys.clone());
        }
        match (self.find().await, &*known) {
            (Ok(found), _) => Ok(known.insert(found).clone()),
            (Err(error), Some(Some(keys))) if lasts(keys, Duration::ZERO) => {
                tracing::warn!(%error, "keys of an object store cannot be renewed yet");
                Ok(Some(keys.clone()))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn find(&self) -> Result<Known, BoxError> {
        if let Some(keys) = of_environment(&self.environment) {
            return Ok(Some(keys));
        }
        if let Some(keys) = self.remote.web_identity().await? {
            return Ok(Some(keys));
        }
        let (environment, profile) = (self.environment.clone(), self.profile.clone());
        let shared = move || shared::keys(&environment, profile.as_deref());
        if let Some(keys) = tokio::task::spawn_blocking(shared).await?? {
            return Ok(Some(keys));
        }
        if let Some(keys) = self.remote.container().await? {
            return Ok(Some(keys));
        }
        self.remote.instance().await
    }
}

impl Provide for Chain {
    fn provide(&self) -> Provided<'_> {
        Box::pin(async {
            let found = self.current().await;
            found.map_err(|source| NoKeys(Arc::from(source)).into())
        })
    }
}

/// A source of keys is configured but gave none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no keys for the object store")]
pub struct NoKeys(#[source] Arc<dyn std::error::Error + Send + Sync>);
