//! `fsck`: do the catalog and the files agree?

use clap::Args;

use super::{
    exit::Failure,
    local::{self, Consistency},
    output::Output,
    settings::{Place, Settings},
};

/// Arguments of `fsck`.
#[derive(Args, Debug)]
pub(super) struct Fsck {
    #[command(flatten)]
    check: Check,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is to be done.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Check {
    /// Write the catalog anew from the records that lie beside the blobs
    #[arg(long)]
    pub(super) rebuild: bool,
    /// Drop entries without a blob, and files that nothing refers to
    #[arg(long)]
    pub(super) repair: bool,
    /// Also read every stored byte and compare it with its digest
    #[arg(long)]
    pub(super) rehash: bool,
}

impl Fsck {
    /// Compares, and mends what it is told to. What stays wrong is exit code 1.
    pub(super) fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let settings = before.overridden_by(self.place.into());
        let found = local::fsck(settings, self.check).map_err(Failure::Local)?;
        if self.json {
            out.json(&found)?;
        } else {
            tell(&found, out)?;
        }
        match found.unrepaired() {
            0 => Ok(()),
            count => Err(Failure::Inconsistent(count)),
        }
    }
}

fn tell(found: &Consistency, out: &mut Output) -> Result<(), Failure> {
    for (name, count) in [
        ("artifacts", found.artifacts),
        ("blobs", found.blobs),
        ("missing blobs", found.missing_blobs),
        ("wrong sizes", found.wrong_sizes),
        ("wrong digests", found.wrong_digests),
        ("orphaned blobs", found.orphaned_blobs),
        ("contradictions", found.contradictions),
        ("wrong modes", found.wrong_modes),
        ("wrong paths", found.wrong_paths),
        ("miscounted", found.miscounted),
        ("leftovers", found.leftovers),
        ("foreign files", found.foreign_files),
        ("repaired", found.repaired),
        ("rebuilt", found.rebuilt),
    ] {
        out.pair(name, &count.to_string())?;
    }
    Ok(())
}
