//! `s3 ls`.

use clap::Args;
use serde_json::json;

use super::{Location, Store, failure};
use crate::{
    artifacts_store::{ArtifactsStore, StorageError},
    cli::{
        exit::Failure,
        output::{Output, printable},
    },
};

/// Arguments of `s3 ls`.
#[derive(Args, Debug)]
pub(super) struct Ls {
    #[arg(
        help = "Where keys begin: s3://bucket/prefix, bucket/prefix or prefix [default: the whole default bucket]",
        value_name = "PREFIX",
        default_value = ""
    )]
    prefix: String,
}

impl Ls {
    /// One line an object: length, time, key; with `--json` one object a line.
    pub(super) async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let Location { bucket, key } = Location::of(&self.prefix, store.settings());
        let each = |objects: Vec<crate::s3::Listed>| {
            for object in objects {
                let (size, modified) = (object.size_bytes, object.modified);
                let line = if given.json {
                    json!({"key": object.key, "size_bytes": size, "modified": modified}).to_string()
                } else {
                    printable(&format!("{size:>14}  {modified:<24}  {}", object.key))
                };
                out.line(&line).map_err(Listing::Failed)?;
            }
            Ok(())
        };
        let listed = store.list(&bucket, &key, each).await;
        listed.map_err(|listing| match listing {
            Listing::Store(error) => failure(error),
            Listing::Failed(failed) => failed,
        })
    }
}

/// Why a list ends early.
enum Listing {
    Store(StorageError),
    Failed(Failure),
}

impl From<StorageError> for Listing {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}
