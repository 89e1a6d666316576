//! `model ingest --upload`: the checkpoint goes to an object store or to the cache's own files first, and
//! what is registered is where it went.

use std::path::Path;

use super::place::Place;
use crate::{
    artifacts_store::{ArtifactsStore, Settings},
    cli::{
        exit::Failure,
        files,
        s3::{failure, progress},
    },
};

/// The word for the cache's own files.
const FILES: &str = "files";
const MEDIA_TYPE: &str = "application/octet-stream";

/// Where a checkpoint is uploaded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// `/files` of the cache that has the registry.
    Files,
    /// An object, or with a trailing `/` a prefix that the name of the file follows.
    Object(String),
}

/// The destination that a text names.
pub(super) fn destination(text: &str) -> Result<Destination, String> {
    let key = text
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'));
    match (text, key) {
        (FILES, _) => Ok(Destination::Files),
        (_, Some((bucket, key))) if !bucket.is_empty() && !key.is_empty() => {
            Ok(Destination::Object(text.to_owned()))
        }
        _ => Err("expected `files` or s3://bucket/key".to_owned()),
    }
}

impl Destination {
    /// Uploads a file that has this digest; the URI under which it can be had then.
    pub(super) async fn take(
        &self,
        place: &Place,
        path: &Path,
        expected: &str,
    ) -> Result<String, Failure> {
        let (uri, digest) = match self {
            Self::Files => to_files(place, path).await?,
            Self::Object(name) => to_store(&whole(name, path), path).await?,
        };
        if digest == expected {
            return Ok(uri);
        }
        let path = path.display();
        let message = format!("{path} changed while it was uploaded: {expected}, then {digest}");
        Err(Failure::Damage(message))
    }
}

async fn to_files(place: &Place, path: &Path) -> Result<(String, String), Failure> {
    let (client, base) = place.files()?;
    let file = files::send(&client, path, MEDIA_TYPE).await?;
    let id = file["file_id"].as_str().unwrap_or_default();
    let uri = format!("{}/files/{id}", base.as_str().trim_end_matches('/'));
    Ok((uri, id.to_owned()))
}

async fn to_store(name: &str, path: &Path) -> Result<(String, String), Failure> {
    let store = ArtifactsStore::new(Settings::from_env());
    let bar = progress();
    let tell = |done: u64, all: Option<u64>| {
        bar.set_length(all.unwrap_or(done));
        bar.set_position(done);
    };
    let digest = store.upload(name, path, &Vec::new(), &tell).await;
    bar.finish_and_clear();
    Ok((name.to_owned(), digest.map_err(failure)?.to_string()))
}

fn whole(name: &str, path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with('/') {
        format!("{name}{file}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_files_or_an_object() {
        assert_eq!(destination("files"), Ok(Destination::Files));
        for object in ["s3://b/k", "s3://b/dir/"] {
            assert_eq!(destination(object), Ok(Destination::Object(object.into())));
        }
        for nonsense in ["", "s3://", "s3://b", "s3:///k", "http://x/y", "/tmp/x"] {
            assert!(destination(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(
            whole("s3://b/dir/", Path::new("/x/c.pt")),
            "s3://b/dir/c.pt"
        );
    }
}
