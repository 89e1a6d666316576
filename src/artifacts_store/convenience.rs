//! The functions for callers without a runtime: each runs one of its own.

use std::{future::Future, path::Path, sync::OnceLock, thread};

use artifact_cache_layers::digest::Sha256;

use super::{ArtifactsStore, StorageError};

/// The store that the environment names, made once.
pub fn get_store() -> &'static ArtifactsStore {
    static STORE: OnceLock<ArtifactsStore> = OnceLock::new();
    STORE.get_or_init(ArtifactsStore::from_env)
}

/// [`ArtifactsStore::is_available`] of the store that the environment names.
#[must_use]
pub fn storage_available() -> bool {
    get_store().is_available()
}

/// [`ArtifactsStore::download_if_exists`], waiting for it.
#[must_use]
pub fn download_if_exists(name: &str, path: impl AsRef<Path> + Send) -> bool {
    // A client's connections belong to the runtime that opened them.
    let done = waited(|| async {
        Ok(ArtifactsStore::from_env()
            .download_if_exists(name, path)
            .await)
    });
    done.unwrap_or(false)
}

/// [`ArtifactsStore::upload_file`], waiting for it.
///
/// # Errors
/// Without keys, without the file, or when the store fails.
pub fn upload_file(
    name: &str,
    path: impl AsRef<Path> + Send,
    metadata: &[(&str, &str)],
) -> Result<Sha256, StorageError> {
    waited(|| async {
        ArtifactsStore::from_env()
            .upload_file(name, path, metadata)
            .await
    })
}

/// Runs `work` on a thread with a runtime of its own, so that it may be called from within another one.
fn waited<T: Send, F>(work: impl FnOnce() -> F + Send) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    let runs = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| StorageError::Invalid(error.to_string()))?;
        runtime.block_on(work())
    };
    thread::scope(|scope| match scope.spawn(runs).join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
