//! `model import`: takes the models and events of another registry into this one, all of them or none. Reads
//! a `SQLite` file of the program that this one replaces, or the JSON lines of `model export`.

mod fields;
mod lines;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use crate::{
    catalog::{ImportReport, Incoming},
    cli::{
        exit::Failure,
        local,
        output::Output,
        settings::{Place, Settings},
    },
};

/// How every `SQLite` file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Arguments of `model import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Import {
    /// A `SQLite` file, or what `model export` wrote
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Leave models out whose name and version another model has here
    #[arg(long)]
    skip_conflicts: bool,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Why a file cannot be taken in.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {why}", path.display())]
    Content { path: PathBuf, why: String },
    #[error("{count} conflicts, nothing was taken in; --skip-conflicts leaves them out")]
    Conflicts { count: usize },
}

#[derive(Serialize)]
struct Told<'r> {
    dry_run: bool,
    #[serde(flatten)]
    report: &'r ImportReport,
    notes: &'r [String],
}

/// What a file has, and what of it is left out.
#[derive(Debug, Default)]
struct Read {
    incoming: Incoming,
    notes: Vec<String>,
}

impl Import {
    /// Reads everything first, then decides, then writes in one transaction.
    pub(super) fn run(&self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let read = read(&self.file).map_err(|error| Failure::Local(error.into()))?;
        let settings = before.overridden_by(self.place.clone().into());
        let allowed = !self.dry_run;
        let may_write =
            |report: &ImportReport| allowed && (self.skip_conflicts || report.conflicts.is_empty());
        let report = local::import(settings, read.incoming, &may_write).map_err(Failure::Local)?;
        self.tell(&report, &read.notes, out)?;
        match report.conflicts.len() {
            count if count > 0 && !self.skip_conflicts => {
                Err(Failure::Local(Unusable::Conflicts { count }.into()))
            }
            _ => Ok(()),
        }
    }

    fn tell(
        &self,
        report: &ImportReport,
        notes: &[String],
        out: &mut Output,
    ) -> Result<(), Failure> {
        if self.json {
            let dry_run = self.dry_run;
            return out.json(&Told {
                dry_run,
                report,
                notes,
            });
        }
        out.pair("models", &report.models.to_string())?;
        out.pair("events", &report.events.to_string())?;
        out.pair("already there", &report.already_there.to_string())?;
        for name in &report.conflicts {
            out.pair("conflict", &format!("{name} is another model here"))?;
        }
        for (from, to) in &report.renumbered {
            out.pair("renumbered", &format!("{from} becomes {to}"))?;
        }
        if report.events_shifted_by > 0 {
            let by = report.events_shifted_by;
            out.pair("renumbered", &format!("numbers of events grow by {by}"))?;
        }
        for name in &report.demoted {
            out.pair(
                "to staging",
                &format!("{name}: another version is in production"),
            )?;
        }
        notes.iter().try_for_each(|note| out.pair("note", note))
    }
}

fn read(path: &Path) -> Result<Read, Unusable> {
    let failed = |source| Unusable::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut start = Vec::new();
    io::Read::by_ref(&mut file)
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let read = if start == MAGIC {
        from_sqlite(path)
    } else {
        lines::read(start.chain(file))
    };
    read.map_err(|why| Unusable::Content {
        path: path.to_owned(),
        why,
    })
}

#[cfg(feature = "sqlite")]
fn from_sqlite(path: &Path) -> Result<Read, String> {
    sqlite::read(path)
}

#[cfg(not(feature = "sqlite"))]
fn from_sqlite(_: &Path) -> Result<Read, String> {
    Err("this program was built without the feature `sqlite`".into())
}
