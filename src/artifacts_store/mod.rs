//! [`ArtifactsStore`]: artifacts of trainers and engine builders in one object store. Owns the
//! `ARTIFACTS_…` environment, the rule by which a name means bucket and key, and files: a download appears
//! under its name only when it is whole and checked.

mod convenience;
mod error;
mod file;
mod name;
mod settings;
mod through;
mod transfer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use artifact_cache_layers::digest::Sha256;

pub use self::{
    convenience::{download_if_exists, get_store, storage_available, upload_file},
    error::StorageError,
    name::Location,
    settings::Settings,
};
use self::{through::ThroughCache, transfer::Found};
use crate::s3::{Listed, ObjectClient, ObjectError, client::Metadata, head::Head};

/// One object store, as its users see it. Clones share connections.
///
/// ```no_run
/// use artifact_cache::artifacts_store::{ArtifactsStore, StorageError};
///
/// # async fn example() -> Result<(), StorageError> {
/// let store = ArtifactsStore::from_env();
/// if !store.download_if_exists("engines/arcface.trt", "/local/arcface.trt").await {
///     // … build the engine …
///     store.upload_file("engines/arcface.trt", "/local/arcface.trt", &[]).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ArtifactsStore {
    settings: Arc<Settings>,
    client: Result<ObjectClient, Arc<str>>,
    cache: Result<Option<ThroughCache>, Arc<str>>,
    last_error: Arc<Mutex<Option<String>>>,
}

/// Is told how far a transfer got: bytes so far, and all of them where that is known.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

impl ArtifactsStore {
    /// The store that `ARTIFACTS_…` variables of the environment name.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(Settings::from_env())
    }

    /// The store that these settings name.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (client, cache) = (settings.client(), settings.cache());
        Self {
            settings: Arc::new(settings),
            client: client.map_err(|error| error.to_string().into()),
            cache: cache.map_err(|error| error.to_string().into()),
            last_error: Arc::default(),
        }
    }

    /// Whether both keys are set and a client can be made. Nobody is asked.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.client.is_ok()
    }

    /// Why the last call that answers with yes or no answered with no, when that was not because there
    /// is nothing.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bucket and the key that a name means.
    ///
    /// # Errors
    /// When it means none.
    pub fn locate(&self, name: &str) -> Result<Location, StorageError> {
        Location::parse(name, &self.settings)
    }

    /// Whether there is such an artifact. A store that cannot be asked has none; see
    /// [`ArtifactsStore::last_error`].
    pub async fn exists(&self, name: &str) -> bool {
        let head = self.head(name).await;
        self.noted(head.map(|head| head.is_some()))
    }

    /// Downloads an artifact to `path` if there is one. A store that cannot be asked has none.
    pub async fn download_if_exists(&self, name: &str, path: impl AsRef<Path>) -> bool {
        let done = self.download(name, path.as_ref(), &|_, _| {}).await;
        self.noted(done.map(|digest| digest.is_some()))
    }

    /// Removes an artifact; whether it is gone.
    pub async fn delete(&self, name: &str) -> bool {
        let done = self.remove(name).await;
        self.noted(done.map(|()| true))
    }

    /// Uploads a file. Its digest is written beside the metadata, as `x-amz-meta-sha256`.
    ///
    /// # Errors
    /// Without keys, without the file, or when the store fails.
    pub async fn upload_file(
        &self,
        name: &str,
        path: impl AsRef<Path>,
        metadata: &[(&str, &str)],
    ) -> Result<Sha256, StorageError> {
        let metadata = metadata.iter();
        let metadata = metadata.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.upload(name, path.as_ref(), &metadata.collect(), &|_, _| {})
            .await
    }

    /// What is known of an artifact; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn head(&self, name: &str) -> Result<Option<Head>, StorageError> {
        let Location { bucket, key } = self.locate(name)?;
        Ok(self.client()?.head(&bucket, &key).await?)
    }

    /// Removes an artifact. That there is none is no error.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn remove(&self, name: &str) -> Result<(), StorageError> {
        let Location { bucket, key } = self.locate(name)?;
        Ok(self.client()?.delete(&bucket, &key).await?)
    }

    /// Every artifact whose key begins with `prefix`, handed out page by page.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses; and what `each` fails with.
    pub async fn list<E: From<StorageError>>(
        &self,
        bucket: &str,
        prefix: &str,
        mut each: impl FnMut(Vec<Listed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let client = self.client()?;
        let mut after = None;
        loop {
            let page = client.list(bucket, prefix, after.as_deref()).await;
            let page = page.map_err(StorageError::from)?;
            each(page.objects)?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Downloads an artifact to `path`; `None`, and no file, when there is none. With
    /// [`Settings::via_cache`] it comes through that cache, which needs no keys here; the store itself is
    /// asked only when the cache cannot be reached at all.
    ///
    /// # Errors
    /// When the store cannot be asked, the bytes are not those that were written, or the file cannot be
    /// written.
    pub async fn download(
        &self,
        name: &str,
        path: &Path,
        progress: Progress<'_>,
    ) -> Result<Option<Sha256>, StorageError> {
        let location = self.locate(name)?;
        let cache = self.cache.as_ref();
        let cache = cache.map_err(|why| StorageError::Invalid(why.to_string()))?;
        let found = match cache {
            Some(cache) => match cache.get(&location).await {
                Err(error @ StorageError::Store(ObjectError::Unreachable(_)))
                    if self.is_available() =>
                {
                    let error = error.text();
                    tracing::warn!(error, "the cache cannot be reached, asking the store");
                    self.get(&location).await?
                }
                found => found?,
            },
            None => self.get(&location).await?,
        };
        transfer::download(found, path, progress).await
    }

    async fn get(&self, Location { bucket, key }: &Location) -> Result<Found, StorageError> {
        Ok(self.client()?.get(bucket, key, None).await?)
    }

    /// Uploads a file, telling how far it got.
    ///
    /// # Errors
    /// Without keys, without the file, or when the store fails.
    pub async fn upload(
        &self,
        name: &str,
        path: &Path,
        metadata: &Metadata,
        progress: Progress<'_>,
    ) -> Result<Sha256, StorageError> {
        let Location { bucket, key } = self.locate(name)?;
        let client = self.client()?;
        let done = transfer::upload(client, (&bucket, &key), path, metadata, progress).await;
        if done.is_err() {
            self.give_up().await;
        }
        done
    }

    /// Aborts what an upload that failed or was dropped left at the store.
    pub async fn give_up(&self) {
        if let Ok(client) = &self.client
            && let Err(error) = client.abort_unfinished().await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "an upload in parts could not be aborted; `s3 doctor --sweep` does it later"
            );
        }
    }

    /// The client, where there are keys to make one with.
    ///
    /// # Errors
    /// When there are none, or another setting is of no use.
    pub fn client(&self) -> Result<&ObjectClient, StorageError> {
        let missing = |why: &Arc<str>| StorageError::Credentials(why.to_string());
        self.client.as_ref().map_err(missing)
    }

    /// The settings in effect.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn noted(&self, outcome: Result<bool, StorageError>) -> bool {
        let (answer, error) = match outcome {
            Ok(answer) => (answer, None),
            Err(error) => {
                let text = error.text();
                tracing::warn!(error = %text, "the object store cannot say");
                (false, Some(text))
            }
        };
        let mut last = self.last_error.lock();
        **last.as_mut().unwrap_or_else(|poisoned| poisoned.get_mut()) = error;
        answer
    }
}

impl From<ObjectError> for StorageError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Refused(refusal) if refusal.is_about_credentials() => {
                Self::Credentials(refusal.words())
            }
            other => Self::Store(other),
        }
    }
}
