//! `maintenance`: a copy of the catalog for safe keeping, and the catalog without the room that removed
//! records left, with the flags of the script that it replaces. The cache must not run meanwhile.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    exit::Failure,
    local,
    output::{Output, printable, size},
    settings::Settings,
};

/// Arguments of `maintenance`.
#[derive(Args, Debug)]
pub(super) struct Maintenance {
    /// Directory of the data [default: as the cache is configured]
    #[arg(long, visible_alias = "data", value_name = "DIR")]
    db_path: Option<PathBuf>,
    /// Write a copy of the catalog to this new file; as data.mdb of an empty directory it is a catalog
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Write the catalog anew, without unused room
    #[arg(long)]
    vacuum: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Maintenance {
    /// First the copy, then the rest.
    pub(super) fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        if self.backup.is_none() && !self.vacuum {
            return Err(Failure::Usage(
                "nothing to do: --backup FILE, --vacuum".into(),
            ));
        }
        let settings = before.overridden_by(Settings {
            data: self.db_path,
            ..Settings::default()
        });
        let done = local::maintain(settings, self.backup.as_deref(), self.vacuum);
        let sizes = done.map_err(Failure::Local)?;
        if self.json {
            let backup = self.backup.map(|path| path.display().to_string());
            let (before, after) = sizes.unzip();
            return out.json(&json!({
                "backup": backup,
                "size_bytes_before": before,
                "size_bytes_after": after,
            }));
        }
        if let Some(path) = &self.backup {
            out.pair("backup", &printable(&path.display().to_string()))?;
        }
        match sizes {
            Some((before, after)) => {
                out.pair("catalog", &format!("{} → {}", size(before), size(after)))
            }
            None => Ok(()),
        }
    }
}
