//! How far a round of the scrub has come, kept in the catalog so that it goes on after a restart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use artifact_cache_layers::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, CatalogError, Change};

/// Its name among the marks.
const MARK: &str = "scrub";

/// How far a round has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The last blob that was looked at.
    pub(super) after: Option<Sha256>,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
    pub(super) damaged: u64,
    pub(super) missing: u64,
    pub(super) healed: u64,
    pub(super) lost: u64,
    /// Seconds since 1970.
    begun: u64,
}

/// The form in which it is kept.
#[derive(Serialize, Deserialize)]
struct Noted {
    after: Option<String>,
    begun: u64,
    blobs: u64,
    bytes: u64,
    damaged: u64,
    missing: u64,
    healed: u64,
    lost: u64,
}

impl Position {
    /// The beginning of a round.
    pub(super) fn begin(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            begun: since.as_secs(),
            ..Self::default()
        }
    }

    /// When the round began.
    pub(super) fn begun(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.begun)
    }

    /// One more was looked at.
    pub(super) fn count(&mut self, bytes: u64) {
        self.blobs += 1;
        self.bytes += bytes;
    }

    /// Where the last round was left, if it was. What cannot be read is a round from the beginning.
    pub(super) fn noted(catalog: &Catalog) -> Result<Option<Self>, CatalogError> {
        let noted = catalog.mark(MARK)?;
        let noted = noted.and_then(|bytes| serde_json::from_slice::<Noted>(&bytes).ok());
        Ok(noted.map(|noted| Self {
            after: noted.after.and_then(|after| after.parse().ok()),
            begun: noted.begun,
            blobs: noted.blobs,
            bytes: noted.bytes,
            damaged: noted.damaged,
            missing: noted.missing,
            healed: noted.healed,
            lost: noted.lost,
        }))
    }

    pub(super) async fn note(&self, catalog: &Catalog) -> Result<(), CatalogError> {
        let noted = Noted {
            after: self.after.map(|after| after.to_string()),
            begun: self.begun,
            blobs: self.blobs,
            bytes: self.bytes,
            damaged: self.damaged,
            missing: self.missing,
            healed: self.healed,
            lost: self.lost,
        };
        // A struct of numbers and a text always has a JSON form.
        let value = serde_json::to_vec(&noted).ok();
        let name = MARK.to_owned();
        catalog.write(Change::Mark { name, value }).await.map(drop)
    }

    pub(super) async fn forget(catalog: &Catalog) -> Result<(), CatalogError> {
        let (name, value) = (MARK.to_owned(), None);
        catalog.write(Change::Mark { name, value }).await.map(drop)
    }
}

/// Whether a round was left before its end.
pub fn is_unfinished(catalog: &Catalog) -> Result<bool, CatalogError> {
    Ok(catalog.mark(MARK)?.is_some())
}
