//! `pull-run`: what a run produced is downloaded, compared with its digest, and only then unpacked.

use std::{fs::File, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::{archive::unpack, download, pointer};
use crate::{
    artifact::file::Owner,
    cli::{
        exit::Failure,
        output::{Output, printable},
        remote::Remote,
    },
};

/// Arguments of `pull-run`.
#[derive(Args, Debug)]
pub(in crate::cli) struct PullRun {
    /// Run whose artifact is wanted
    id: String,
    /// Directory to unpack into
    #[arg(
        short = 'C',
        long = "directory",
        value_name = "DIR",
        default_value = "."
    )]
    directory: PathBuf,
    /// Most bytes that may be unpacked
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 40)]
    max_bytes: u64,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

impl PullRun {
    pub(in crate::cli) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.data_bank()?;
        let name = pointer::name(Owner::Run, &self.id)?;
        let id = pointer::get(&client, &name).await?;
        // Where it is unpacked there is room for it, and it goes when this ends.
        let failed = |source| Failure::File {
            action: "write",
            path: self.directory.clone(),
            source,
        };
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        let archive = Archive(
            self.directory
                .join(format!(".pull-{:08x}.tar.gz", fastrand::u32(..))),
        );
        download(&client, &id, &archive.0).await?;
        let file = File::open(&archive.0).map_err(failed)?;
        let names = unpack(file, &self.directory, self.max_bytes)?;
        let names: Vec<_> = names
            .iter()
            .map(|name| name.display().to_string())
            .collect();
        if self.remote.json {
            return out.json(&json!({"run_id": self.id, "file_id": id, "paths": names}));
        }
        names.iter().try_for_each(|name| out.line(&printable(name)))
    }
}

/// A file that goes when it is dropped.
struct Archive(PathBuf);

impl Drop for Archive {
    fn drop(&mut self) {
        // It has a name of its own, so a leftover harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}
