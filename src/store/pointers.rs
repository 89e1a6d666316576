//! Pointers: a change of the catalog, and then a line beside the blobs.

use artifact_cache_layers::{body::BoxError, digest::Sha256};
use tokio::task::spawn_blocking;

use super::{Store, commit::CommitError};
use crate::{
    artifact::file::PointerName,
    catalog::{Change, FileChange},
};

impl Store {
    /// Makes a pointer lead to a file, which must be there unless `force` is set.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn point(
        &self,
        name: &PointerName,
        file: Sha256,
        force: bool,
    ) -> Result<FileChange, CommitError> {
        let pointer = name.clone();
        let change = Change::Point {
            name: pointer,
            file,
            force,
        };
        self.changed(name, change).await
    }

    /// Removes a pointer and its history.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn unpoint(&self, name: &PointerName) -> Result<FileChange, CommitError> {
        self.changed(name, Change::Unpoint(name.clone())).await
    }

    async fn changed(&self, name: &PointerName, change: Change) -> Result<FileChange, CommitError> {
        let written = self.catalog().write(change).await?;
        let done = written.file.unwrap_or(FileChange::Absent);
        if done == FileChange::Done {
            self.note(name).await;
        }
        Ok(done)
    }

    /// What is not noted is lost only when the catalog is.
    async fn note(&self, name: &PointerName) {
        let (store, pointer) = (self.clone(), name.clone());
        let note = move || {
            store.blobs().note_pointer(&pointer, || {
                let found = store.catalog().pointer(&pointer)?;
                Ok::<_, BoxError>(found.map(|found| found.file))
            })
        };
        if let Ok(Err(error)) = spawn_blocking(note).await {
            let error = &*error as &dyn std::error::Error;
            tracing::warn!(pointer = %name, error, "cannot write a pointer down beside the blobs");
        }
    }
}
