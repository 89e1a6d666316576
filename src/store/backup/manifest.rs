//! The manifest of a backup: what it has, which copy of the catalog counts, and that copy's digest.

use serde::{Deserialize, Serialize};

use super::{BackupError, Summary};

/// The newest form that this program reads and the one that it writes.
const FORMAT: u32 = 1;

/// What a backup has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The program that wrote it.
    pub program: String,
    /// When, as RFC 3339 writes it.
    pub created_at: String,
    /// The name of the copy of the catalog.
    pub catalog: String,
    /// The digest of that copy.
    pub catalog_sha256: String,
    /// What was taken.
    #[serde(flatten)]
    pub summary: Summary,
}

impl Manifest {
    pub(super) fn new(
        created_at: String,
        catalog: String,
        catalog_sha256: String,
        summary: Summary,
    ) -> Self {
        Self {
            format: FORMAT,
            program: concat!("artifact-cache ", env!("CARGO_PKG_VERSION")).into(),
            created_at,
            catalog,
            catalog_sha256,
            summary,
        }
    }

    pub(super) fn read(json: &[u8]) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| BackupError::Manifest(error.to_string());
        // The form is judged first: a newer one may lack what this one has.
        let Format { format } = serde_json::from_slice(json).map_err(unreadable)?;
        if format > FORMAT {
            let newer = format!("it has form {format}, this program knows forms up to {FORMAT}");
            return Err(BackupError::Manifest(newer));
        }
        serde_json::from_slice(json).map_err(unreadable)
    }

    pub(super) fn json(&self) -> Result<Vec<u8>, BackupError> {
        serde_json::to_vec_pretty(self).map_err(|error| BackupError::Manifest(error.to_string()))
    }
}
