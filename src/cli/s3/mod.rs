//! `s3`: artifacts in an object store, asked directly. The store is the one that `ARTIFACTS_…` variables
//! name; the flags here win over them.

mod doctor;
mod get;
mod ls;
mod put;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use self::doctor::Doctor;
use super::{
    exit::Failure,
    output::{Output, complain, printable},
};
use crate::artifacts_store::{ArtifactsStore, Location, Settings, StorageError};

const STYLE: &str = "{bar:32} {binary_bytes} / {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";

/// Work with artifacts in an object store.
#[derive(Args, Debug)]
pub(super) struct S3 {
    #[command(flatten)]
    store: Store,
    #[command(subcommand)]
    verb: Verb,
}

/// Which store, beside the environment.
#[derive(Args, Debug)]
struct Store {
    #[arg(
        help = "URL of the store [env: ARTIFACTS_ENDPOINT; default: AWS]",
        long,
        global = true,
        value_name = "URL"
    )]
    endpoint: Option<String>,
    #[arg(
        help = "Region that requests are signed for [env: ARTIFACTS_REGION]",
        long,
        global = true
    )]
    region: Option<String>,
    #[arg(
        help = "Bucket of names that have none [env: ARTIFACTS_BUCKET]",
        long,
        global = true
    )]
    bucket: Option<String>,
    #[arg(
        help = "PEM file of further trusted authorities [env: ARTIFACTS_CA_FILE]",
        long,
        global = true,
        value_name = "FILE"
    )]
    ca_file: Option<PathBuf>,
    /// Say which bucket and key a name means
    #[arg(short, long, global = true)]
    verbose: bool,
    /// A JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Download an artifact, check it, and give it its name when it is whole
    Get(get::Get),
    /// Upload a file
    Put(put::Put),
    /// Whether there is such an artifact: 0 yes, 2 no
    Exists(get::Exists),
    /// Remove an artifact
    Rm(put::Rm),
    /// List artifacts
    Ls(ls::Ls),
    /// Ask the store whether keys, bucket and clock are right
    Doctor(Doctor),
}

impl S3 {
    /// Runs the verb. An interrupt leaves neither a file nor parts of an upload behind.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let store = ArtifactsStore::new(self.store.settings());
        let done = tokio::select! {
            done = self.verb.run(&store, &self.store, out) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        };
        if matches!(done, Err(Failure::Interrupted)) {
            store.give_up().await;
        }
        done
    }

    pub(super) const fn is_json(&self) -> bool {
        self.store.json
    }
}

impl Verb {
    async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Get(get) => get.run(store, given, out).await,
            Self::Put(put) => put.run(store, given, out).await,
            Self::Exists(exists) => exists.run(store, given, out).await,
            Self::Rm(rm) => rm.run(store, given).await,
            Self::Ls(ls) => ls.run(store, given, out).await,
            Self::Doctor(doctor) => doctor.run(store, given, out).await,
        }
    }
}

impl Store {
    fn settings(&self) -> Settings {
        let environment = Settings::from_env();
        Settings {
            endpoint: self.endpoint.clone().or(environment.endpoint),
            region: self.region.clone().unwrap_or(environment.region),
            bucket: self.bucket.clone().unwrap_or(environment.bucket),
            ca_file: self.ca_file.clone().or(environment.ca_file),
            ..environment
        }
    }

    /// What a name means, said aloud where that was asked for.
    fn locate(&self, store: &ArtifactsStore, name: &str) -> Result<Location, Failure> {
        let location = store.locate(name).map_err(failure)?;
        if self.verbose {
            let Location { bucket, key } = &location;
            complain(&printable(&format!("{name}: bucket {bucket}, key {key}")));
        }
        Ok(location)
    }
}

/// Hidden by itself when standard error is not a terminal.
pub(super) fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template(STYLE) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

pub(super) fn failure(error: StorageError) -> Failure {
    match error {
        StorageError::Damaged(damaged) => Failure::Damage(damaged.to_string()),
        error @ StorageError::Credentials(_) => Failure::Credentials(error.to_string()),
        StorageError::Invalid(text) => Failure::Usage(text),
        other => Failure::Local(other.into()),
    }
}
