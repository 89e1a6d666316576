//! Files of this machine that a request names, where the operator allows that: their digest and size,
//! compared with what the request says of them.

use std::{fs::File, io::Read as _, path::Path};

use artifact_cache_layers::digest::Hasher;
use serde_json::{Map, Value};

use super::Registry;
use crate::error::Error;

/// Longest configuration that is read, in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// Which file of a model it is.
#[derive(Clone, Copy)]
pub(super) enum Which {
    Checkpoint,
    Config,
}

impl Which {
    const fn word(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Config => "config",
        }
    }
}

/// Digest and size of a file, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) sha256: Option<String>,
    pub(super) size_bytes: Option<u64>,
}

impl Registry {
    /// Refuses paths where they are not allowed.
    pub(super) fn check_paths(&self, paths: [&Option<String>; 2]) -> Result<(), Error> {
        let is_named = |path: &&Option<String>| path.as_ref().is_some_and(|path| !path.is_empty());
        if paths.iter().any(is_named) && !self.config.registry.allow_local_paths {
            return Err(invalid("Local paths are disabled on this server".into()));
        }
        Ok(())
    }

    /// What is known of a file: what the request claims, completed by the file, if it names one.
    pub(super) async fn known(
        &self,
        which: Which,
        path: Option<&String>,
        claimed: Known,
    ) -> Result<Known, Error> {
        let Some(path) = path.filter(|path| !path.is_empty()).cloned() else {
            return Ok(claimed);
        };
        let limit = self.config.registry.max_hash_bytes.0;
        let measured = tokio::task::spawn_blocking(move || measure(Path::new(&path), limit)).await;
        let word = which.word();
        let found = measured
            .map_err(|error| Error::internal(&error))?
            .map_err(|_| invalid(format!("local_{word}_path is not readable")))?;
        if claimed.size_bytes.is_some() && claimed.size_bytes != found.size_bytes {
            let text = format!("{word}_size_bytes does not match local file size");
            return Err(invalid(text));
        }
        match (claimed.sha256, found.sha256) {
            (Some(claimed), Some(found)) if claimed != found => {
                let text = format!("{word}_sha256 does not match local file hash");
                Err(invalid(text))
            }
            (claimed, found_sha256) => Ok(Known {
                sha256: claimed.or(found_sha256),
                size_bytes: found.size_bytes,
            }),
        }
    }
}

/// Size, and the digest unless the file is larger than `limit`.
fn measure(path: &Path, limit: u64) -> std::io::Result<Known> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut known = Known {
        sha256: None,
        size_bytes: Some(size),
    };
    if size <= limit {
        known.sha256 = Some(digest(file)?);
    }
    Ok(known)
}

fn digest(mut file: File) -> std::io::Result<String> {
    let (mut hasher, mut piece) = (Hasher::default(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish().to_string()),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// The configuration in a local file, which must be an object.
pub(super) async fn config(path: String) -> Result<Map<String, Value>, Error> {
    let read = move || {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_CONFIG).read_to_end(&mut text));
        read.ok()?;
        serde_json::from_slice(&text).ok()
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.ok()
        .flatten()
        .ok_or_else(|| invalid("Failed to read config JSON from local_config_path".into()))
}

pub(super) const fn invalid(message: String) -> Error {
    Error::InvalidInput { message }
}
