//! A file that appears under its name when it is whole, written off the async threads.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::StorageError;

/// A file being written beside its later name. Dropped before [`Arriving::finish`] nothing is left.
pub(super) struct Arriving {
    file: Option<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Arriving {
    /// Begins to write `path`; directories that are missing are made.
    pub(super) async fn create(path: &Path) -> Result<Self, StorageError> {
        let path = path.to_owned();
        let failed = StorageError::file("write", &path);
        blocking(move || {
            if let Some(parent) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
                fs::create_dir_all(parent)?;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!(".{name}.{:016x}.partial", fastrand::u64(..));
            let temporary = path.with_file_name(name);
            let file = Some(File::create_new(&temporary)?);
            Ok(Self {
                file,
                temporary,
                path,
            })
        })
        .await
        .map_err(failed)
    }

    /// Appends bytes.
    pub(super) async fn write(mut self, bytes: Bytes) -> Result<Self, StorageError> {
        let failed = StorageError::file("write", &self.path);
        blocking(move || {
            if let Some(file) = &mut self.file {
                file.write_all(&bytes)?;
            }
            Ok(self)
        })
        .await
        .map_err(failed)
    }

    /// The bytes are whole and right: makes them last and gives them their name.
    pub(super) async fn finish(mut self) -> Result<(), StorageError> {
        let failed = StorageError::file("write", &self.path);
        blocking(move || {
            if let Some(file) = self.file.take() {
                file.sync_all()?;
            }
            fs::rename(&self.temporary, &self.path)
        })
        .await
        .map_err(failed)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // After `finish` there is none; before, it has a name that nobody else uses.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Runs file work on a thread for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
