//! [`Chain`]: the first source that has keys, remembered until shortly before they end.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use artifact_cache_layers::{
    body::BoxError,
    sigv4::{Credentials, Provide, Provided},
};
use tokio::sync::Mutex;

use super::{
    Environment, of_environment, process,
    profile::{First, Plan},
    remote::Remote,
    sections::Sections,
    sts::WebIdentity,
    variable,
};
use crate::{clock::Clock, s3::client::Exchange};

/// Temporary keys are renewed so long before they end.
const AHEAD: Duration = Duration::from_mins(5);
/// How long keys that could not be renewed, and that there are none, are left at that.
const PAUSE: Duration = Duration::from_secs(30);

/// The keys of this machine, from wherever it has them.
pub struct Chain {
    remote: Remote,
    environment: Environment,
    profile: Option<String>,
    known: ArcSwapOption<Known>,
    /// Held by whoever renews.
    renewal: Mutex<()>,
}

/// What was found.
#[derive(Clone)]
struct Known {
    /// The keys, or that there are none.
    keys: Option<Credentials>,
    /// When it makes sense to look again; `None` means never.
    renew: Option<SystemTime>,
}

impl Known {
    fn new(keys: Option<Credentials>, now: SystemTime) -> Self {
        let renew = match &keys {
            Some(keys) => keys.expires.map(|ends| ends - AHEAD),
            None => Some(now + PAUSE),
        };
        Self { keys, renew }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    /// Whether requests can still be signed, or go unsigned as before.
    fn is_usable(&self, now: SystemTime) -> bool {
        let ends = self.keys.as_ref().and_then(|keys| keys.expires);
        ends.is_none_or(|ends| now < ends)
    }
}

impl Chain {
    /// Keys for `region`. Services that give out keys are asked through `exchange`, which must be able to
    /// reach this machine's own. A `profile` that is named is the only source.
    #[must_use]
    pub fn new(
        exchange: Exchange,
        environment: Environment,
        region: &str,
        profile: Option<&str>,
        clock: Clock,
    ) -> Self {
        Self {
            remote: Remote::new(exchange, environment.clone(), region, clock),
            environment,
            profile: profile.map(str::to_owned),
            known: ArcSwapOption::empty(),
            renewal: Mutex::new(()),
        }
    }

    fn now(&self) -> SystemTime {
        self.remote.clock.now()
    }

    /// While keys are renewed ahead of their end the others go on with the old ones; who has none waits
    /// for that one renewal.
    async fn current(&self) -> Result<Option<Credentials>, BoxError> {
        let known = self.known.load_full();
        let _turn = match &known {
            Some(known) if known.is_fresh(self.now()) => return Ok(known.keys.clone()),
            Some(known) if known.is_usable(self.now()) => match self.renewal.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(known.keys.clone()),
            },
            _ => self.renewal.lock().await,
        };
        // Whoever had the turn before may have renewed them.
        match self.known.load_full() {
            Some(known) if known.is_fresh(self.now()) => Ok(known.keys.clone()),
            known => self.renewed(known.as_deref()).await,
        }
    }

    async fn renewed(&self, known: Option<&Known>) -> Result<Option<Credentials>, BoxError> {
        let found = self.find().await;
        let now = self.now();
        let next = match (found, known) {
            (Ok(found), _) => Known::new(found, now),
            (Err(error), Some(known)) if known.is_usable(now) => {
                tracing::warn!(%error, "keys of an object store cannot be renewed yet");
                let renew = Some(now + PAUSE);
                Known {
                    renew,
                    ..known.clone()
                }
            }
            (Err(error), _) => return Err(error),
        };
        let keys = next.keys.clone();
        self.known.store(Some(Arc::new(next)));
        Ok(keys)
    }

    async fn find(&self) -> Result<Option<Credentials>, BoxError> {
        if let Some(profile) = self.profile.clone() {
            return self.of_profile(Some(profile)).await;
        }
        if let Some(keys) = of_environment(&self.environment) {
            return Ok(Some(keys));
        }
        if let Some(identity) = WebIdentity::of_environment(&self.remote) {
            return identity.exchanged(&self.remote).await.map(Some);
        }
        let named = variable(&self.environment, "AWS_PROFILE").map(str::to_owned);
        if let Some(keys) = self.of_profile(named).await? {
            return Ok(Some(keys));
        }
        if let Some(keys) = self.remote.container().await? {
            return Ok(Some(keys));
        }
        self.remote.instance().await
    }

    async fn of_profile(&self, name: Option<String>) -> Result<Option<Credentials>, BoxError> {
        let environment = self.environment.clone();
        let plan = move || Plan::of(&Sections::read(&environment)?, name.as_deref());
        let Some(plan) = tokio::task::spawn_blocking(plan).await?? else {
            return Ok(None);
        };
        let mut keys = self.first(plan.first).await?;
        for role in plan.roles {
            keys = role.assumed(&self.remote, &keys).await?;
        }
        Ok(Some(keys))
    }

    async fn first(&self, first: First) -> Result<Credentials, BoxError> {
        let found = match first {
            First::Keys(keys) => Some(keys),
            First::Program(line) => Some(process::keys(&line).await?),
            First::WebIdentity(identity) => Some(identity.exchanged(&self.remote).await?),
            First::SignOn(account) => Some(account.keys(&self.remote).await?),
            First::Environment => of_environment(&self.environment),
            First::Container => self.remote.container().await?,
            First::Instance => self.remote.instance().await?,
        };
        found.ok_or_else(|| "the source that the profile names has no keys".into())
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
