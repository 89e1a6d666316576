//! `s3 put` and `s3 rm`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Location, Store, failure, progress};
use crate::{
    artifacts_store::ArtifactsStore,
    cli::{
        exit::Failure,
        output::{Output, printable},
    },
};

/// Arguments of `s3 put`.
#[derive(Args, Debug)]
pub(super) struct Put {
    /// File to upload
    #[arg(value_name = "FILE")]
    path: PathBuf,
    #[arg(
        help = "s3://bucket/key, bucket/key or key; what ends in / is followed by the name of the file",
        value_name = "NAME"
    )]
    name: String,
    /// Word that goes along with it, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = word)]
    metadata: Vec<(String, String)>,
}

/// Arguments of `s3 rm`.
#[derive(Args, Debug)]
pub(super) struct Rm {
    #[arg(help = "s3://bucket/key, bucket/key or key", value_name = "NAME")]
    name: String,
}

impl Put {
    pub(super) async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let name = self.whole_name();
        let Location { bucket, key } = given.locate(store, &name)?;
        let bar = progress();
        let tell = |done: u64, all: Option<u64>| {
            bar.set_length(all.unwrap_or(done));
            bar.set_position(done);
        };
        let digest = store.upload(&name, &self.path, &self.metadata, &tell).await;
        bar.finish_and_clear();
        let digest = digest.map_err(failure)?;
        if given.json {
            let answer = json!({"bucket": bucket, "key": key, "sha256": digest.to_string()});
            return out.json(&answer);
        }
        out.line(&printable(&format!("{digest}  s3://{bucket}/{key}")))
    }

    fn whole_name(&self) -> String {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        if self.name.ends_with('/') {
            format!("{}{file}", self.name)
        } else {
            self.name.clone()
        }
    }
}

impl Rm {
    pub(super) async fn run(&self, store: &ArtifactsStore, given: &Store) -> Result<(), Failure> {
        given.locate(store, &self.name)?;
        store.remove(&self.name).await.map_err(failure)
    }
}

fn word(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
