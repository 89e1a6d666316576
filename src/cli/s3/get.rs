//! `s3 get` and `s3 exists`.

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

/// Arguments of `s3 get`.
#[derive(Args, Debug)]
pub(super) struct Get {
    #[arg(help = "s3://bucket/key, bucket/key or key", value_name = "NAME")]
    name: String,
    /// File or directory to write [default: named as the key, here]
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Arguments of `s3 exists`.
#[derive(Args, Debug)]
pub(super) struct Exists {
    #[arg(help = "s3://bucket/key, bucket/key or key", value_name = "NAME")]
    name: String,
    /// Fail with 1 or 3 when the store cannot be asked, instead of saying that there is nothing
    #[arg(long)]
    strict: bool,
}

impl Get {
    pub(super) async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let location = given.locate(store, &self.name)?;
        let path = self.path(&location)?;
        let bar = progress();
        let tell = |done: u64, all: Option<u64>| {
            bar.set_length(all.unwrap_or(done));
            bar.set_position(done);
        };
        let digest = store.download(&self.name, &path, &tell).await;
        bar.finish_and_clear();
        let Some(digest) = digest.map_err(failure)? else {
            return Err(missing(&self.name));
        };
        let path = path.display().to_string();
        if given.json {
            return out.json(&json!({"path": path, "sha256": digest.to_string()}));
        }
        out.line(&printable(&format!("{digest}  {path}")))
    }

    /// A key is somebody else's text: its last segment is a name here, never a path.
    fn path(&self, location: &Location) -> Result<PathBuf, Failure> {
        let name = location.key.rsplit('/').next().unwrap_or_default();
        let is_name = !matches!(name, "" | "." | "..") && !name.contains('\0');
        match &self.path {
            Some(path) if !path.is_dir() => Ok(path.clone()),
            _ if !is_name => {
                let text = format!("'{}' does not end in a file name; name the file", self.name);
                Err(Failure::Usage(text))
            }
            Some(directory) => Ok(directory.join(name)),
            None => Ok(name.into()),
        }
    }
}

impl Exists {
    pub(super) async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        given.locate(store, &self.name)?;
        store.client().map_err(failure)?;
        let is_there = if self.strict {
            store.head(&self.name).await.map_err(failure)?.is_some()
        } else {
            store.exists(&self.name).await
        };
        if given.json {
            out.json(&json!({"name": self.name, "exists": is_there}))?;
        }
        match (is_there, store.last_error()) {
            (true, _) => Ok(()),
            (false, None) => Err(missing(&self.name)),
            (false, Some(why)) => Err(Failure::Missing(format!("{}: not known: {why}", self.name))),
        }
    }
}

fn missing(name: &str) -> Failure {
    Failure::Missing(format!("there is no {name}"))
}
