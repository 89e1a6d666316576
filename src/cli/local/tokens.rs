//! The tokens of this machine's own cache: in its catalog while no process uses it, else by the running
//! process, which left a note of how to reach it.

use artifact_cache_layers::body::BoxError;
use serde::Deserialize;
use serde_json::Value;

use super::{Settings, sources};
use crate::{
    access::{Keyring, NotKept, Wanted},
    api::tokens::{created, shown},
    catalog::{Catalog, CatalogError, CatalogOptions, operator::Note},
    clock::Clock,
    config::{self, units::Span},
};

/// Where the tokens are.
pub(in crate::cli) enum Tokens {
    /// In a catalog that is ours for the moment.
    Own(Own),
    /// With the process that holds the catalog.
    Held(Holder),
}

/// The tokens of a catalog that no other process uses.
pub(in crate::cli) struct Own {
    keyring: Keyring,
    catalog: Catalog,
    clock: Clock,
}

/// How the process that holds the catalog is reached.
#[derive(Deserialize)]
pub(in crate::cli) struct Holder {
    pub(in crate::cli) url: String,
    pub(in crate::cli) token: String,
}

/// Why they cannot be had.
#[derive(Debug, thiserror::Error)]
enum NotReached {
    #[error(
        "a running cache uses the catalog and left no note of how to reach it; name it with --url and a token that has admin:write"
    )]
    NoNote(#[source] BoxError),
}

/// The tokens of the cache that these settings describe.
pub(in crate::cli) fn tokens(settings: Settings) -> Result<Tokens, BoxError> {
    let database = config::load(&sources(settings))?.config.storage.database;
    let clock = Clock::system();
    match Catalog::open(&database, &CatalogOptions::default(), clock.clone()) {
        Ok(catalog) => Ok(Tokens::Own(Own {
            keyring: Keyring::open(catalog.clone())?,
            catalog,
            clock,
        })),
        Err(CatalogError::InUse(_)) => Ok(Tokens::Held(holder(&database)?)),
        Err(error) => Err(error.into()),
    }
}

/// The process that holds the catalog in a directory.
pub(super) fn holder(database: &std::path::Path) -> Result<Holder, BoxError> {
    let note = Note::read(database).map_err(|error| NotReached::NoNote(error.into()))?;
    let holder = serde_json::from_str(&note);
    Ok(holder.map_err(|error| NotReached::NoNote(error.into()))?)
}

impl Own {
    /// The new token, as the API shows it.
    pub(in crate::cli) async fn create(&self, wanted: Wanted) -> Result<Value, NotKept> {
        let (minted, record) = self.keyring.create(wanted, self.clock.now()).await?;
        self.catalog.close().await?;
        Ok(created(minted, &record))
    }

    /// Every token, as the API shows them.
    pub(in crate::cli) fn list(&self) -> Vec<Value> {
        self.keyring.list().iter().map(shown).collect()
    }

    /// Ends a token; whether there was one.
    pub(in crate::cli) async fn revoke(&self, id: &str) -> Result<bool, NotKept> {
        let revoked = self.keyring.revoke(id).await?;
        self.catalog.close().await?;
        Ok(revoked)
    }
}

/// A span of time as the configuration writes it.
pub(in crate::cli) fn span(text: &str) -> Result<std::time::Duration, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    Ok(span.0)
}
