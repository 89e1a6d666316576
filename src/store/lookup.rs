//! The store as the `cache` layer sees it (`cache::Store`): one LMDB read decides, bytes come from
//! memory or an open file.

use std::{io, ops::Range, sync::Arc};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cache::{self, Part, Pinned},
    digest::Sha256,
    extensions::Repeat,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
    share::Wanted,
};
use bytes::Bytes;
use http::StatusCode;

use super::Store;
use crate::{
    blob::{Blob, follow::Growing, read},
    catalog::{Addition, CatalogError, Change, ResponseSet},
};

/// The bytes of a stored response.
#[derive(Clone)]
pub enum Content {
    /// Small and hot.
    Memory(Bytes),
    /// A file.
    File(Arc<Blob>),
    /// Complete, but its commit is under way.
    Pending(Arc<Growing>),
}

impl cache::Content for Content {
    fn body(&self, range: Range<u64>) -> Body {
        match self {
            Self::Memory(bytes) => match (usize::try_from(range.start), usize::try_from(range.end))
            {
                (Ok(start), Ok(end)) => Body::from(bytes.slice(start..end)),
                _ => Body::empty(),
            },
            Self::File(blob) => read::body(blob.clone(), range),
            Self::Pending(growing) => growing.follow(Wanted {
                range: Some(range),
                ..Wanted::default()
            }),
        }
    }
}

impl cache::Store for Store {
    type Set = Arc<ResponseSet>;
    type Content = Content;

    fn stored(&self, key: &CacheKey) -> Result<Option<Arc<ResponseSet>>, BoxError> {
        match self.pending().set(key) {
            Some(set) => Ok(Some(set)),
            None => Ok(self.catalog().responses(key)?),
        }
    }

    async fn open(&self, response: &StoredResponse) -> Result<Option<Content>, BoxError> {
        if let Some(bytes) = self.blobs().small(&response.digest) {
            return Ok(Some(Content::Memory(bytes)));
        }
        if let Some(growing) = self.pending().body(&response.digest) {
            return Ok(Some(Content::Pending(growing)));
        }
        if !self
            .is_above_suspicion(&response.digest, response.length)
            .await?
        {
            return Ok(None);
        }
        match self.blobs().open_blob(&response.digest, response.length) {
            Ok(found) => Ok(found.map(Content::File)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::error!(error = %error, "a stored file has another length than recorded");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn pinned(&self, key: &CacheKey, digest: &Sha256) -> Result<Option<Pinned>, BoxError> {
        let own = self.stored(key)?.and_then(|set| of_version(&set, digest));
        if let Some(response) = own {
            return Ok(Some(Pinned {
                response,
                is_alias: false,
            }));
        }
        let found = self
            .holder(digest)?
            .and_then(|set| of_version(&set, digest));
        Ok(found.map(|response| Pinned {
            response,
            is_alias: true,
        }))
    }

    async fn part(&self, key: &CacheKey) -> Option<Part<Content>> {
        self.kept_partials().part(key).await
    }

    async fn update(&self, uri: &TargetUri, response: StoredResponse) -> Result<(), BoxError> {
        let key = CacheKey::of(uri);
        let addition = Addition {
            key,
            uri: uri.clone(),
            final_url: None,
            response,
        };
        if self.pending().body(&addition.response.digest).is_some() {
            self.settle().await;
        }
        match self.catalog().write(Change::Refer(addition)).await {
            // Still being committed, or just removed: it is asked for again when it is needed.
            Ok(_) | Err(CatalogError::UnknownBlob(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn invalidate(&self, uri: &TargetUri) -> Result<(), BoxError> {
        let key = CacheKey::of(uri);
        // What is only about to be stored is as old as what is.
        if self.pending().set(&key).is_some() {
            self.settle().await;
        }
        self.kept_partials().forget(&key).await;
        self.catalog().write(Change::Invalidate { key }).await?;
        Ok(())
    }

    async fn lost(&self, digest: &Sha256) -> Result<(), BoxError> {
        // It may have been stored anew since it was looked for.
        if self.committer().recheck(*digest).await? {
            tracing::error!(sha256 = %digest, "a stored file is gone or damaged, it will be fetched again");
            self.metrics().corrupt.increment();
        }
        Ok(())
    }

    fn repeat(&self, set: &Arc<ResponseSet>, response: &StoredResponse) -> Option<Arc<dyn Repeat>> {
        self.repeated(set, response)
    }

    fn count_hit(&self, set: &Arc<ResponseSet>) {
        let key = || CacheKey::of(&set.uri);
        if set.id != 0 {
            self.catalog().count_hit(set.id);
        } else if !self.pending().count_hit(&key())
            && let Ok(Some(stored)) = self.catalog().responses(&key())
        {
            self.catalog().count_hit(stored.id);
        }
    }
}

/// The response of a URL whose history has `digest`: its own head if that is still stored, else the
/// newest head with these bytes.
fn of_version(set: &ResponseSet, digest: &Sha256) -> Option<StoredResponse> {
    let version = set
        .versions
        .iter()
        .find(|version| version.digest == *digest)?;
    let of_digest = set
        .index_of(digest)
        .and_then(|index| set.responses.get(index));
    let mut response = of_digest
        .or_else(|| set.responses.first())?
        .response
        .clone();
    response.status = StatusCode::OK;
    response.digest = version.digest;
    response.length = version.size_bytes;
    Some(response)
}
