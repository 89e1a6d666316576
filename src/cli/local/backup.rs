//! What `backup` and `restore` do with the data of this machine.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use artifact_cache_layers::body::BoxError;
use clap::Args;

use super::{
    Settings,
    check::{NotChecked, is_directory, open_blobs, open_catalog, storage},
    tokens::{Holder, holder},
};
pub(in crate::cli) use crate::store::backup::{Progress, Summary, Watch};
use crate::{
    blob::take::Means,
    catalog::CatalogError,
    config::storage::Storage,
    store::{
        backup::{self, Place, Terms, Wanted},
        commit::Committer,
    },
};

/// Who has the store.
pub(in crate::cli) enum Owner {
    /// We have, as long as this lives.
    Us(Box<Committer>),
    /// A running cache has.
    Cache(Holder),
}

/// Who has the store that these settings describe.
pub(in crate::cli) fn owner(settings: Settings) -> Result<Owner, BoxError> {
    let storage = storage(settings)?;
    if !is_directory(&storage.database) {
        return Err(NotChecked::NoStore(storage.database).into());
    }
    match open_catalog(&storage) {
        Ok(catalog) => {
            let blobs = open_blobs(&storage)?;
            Ok(Owner::Us(Committer::new(catalog, blobs).into()))
        }
        Err(CatalogError::InUse(_)) => Ok(Owner::Cache(holder(&storage.database)?)),
        Err(error) => Err(error.into()),
    }
}

/// Makes a backup in a directory.
pub(in crate::cli) fn make(
    store: &Committer,
    directory: &Path,
    (copy, prune): (bool, bool),
    watch: Watch<'_>,
) -> Result<Summary, BoxError> {
    let means = means(copy);
    Ok(backup::make(
        store,
        directory,
        Wanted { means, prune },
        watch,
    )?)
}

/// Writes a backup as an archive.
pub(in crate::cli) fn pack(
    store: &Committer,
    to: impl Write,
    watch: Watch<'_>,
) -> Result<Summary, BoxError> {
    Ok(backup::pack(store, to, watch)?)
}

/// How to restore.
#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct Restoring {
    /// Restore where something is stored already: the catalog is replaced, the files stay
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Read every byte again and compare it with its digest
    #[arg(long)]
    verify: bool,
    /// Copy files also where linking is possible: then the cache does not share them with the backup
    #[arg(long)]
    copy: bool,
}

/// Restores the backup in a directory.
pub(in crate::cli) fn restore(
    settings: Settings,
    from: &Path,
    how: Restoring,
    watch: Watch<'_>,
) -> Result<Summary, BoxError> {
    let place = place(storage(settings)?);
    let terms = Terms {
        means: means(how.copy),
        force: how.force,
        verify: how.verify,
    };
    Ok(backup::restore(from, &place, terms, watch)?)
}

/// Restores the backup in an archive.
pub(in crate::cli) fn unpack(
    settings: Settings,
    from: impl Read,
    force: bool,
    watch: Watch<'_>,
) -> Result<Summary, BoxError> {
    let place = place(storage(settings)?);
    Ok(backup::unpack(from, &place, force, watch)?)
}

/// Reads a backup and compares every byte.
pub(in crate::cli) fn check(from: &Path, watch: Watch<'_>) -> Result<Summary, BoxError> {
    Ok(backup::check(from, watch)?)
}

fn place(storage: Storage) -> Place {
    Place {
        catalog: storage.database,
        blobs: storage.base_path,
        temporary: storage.temporary_path,
    }
}

const fn means(copy: bool) -> Means {
    if copy { Means::Copy } else { Means::Link }
}

/// A path that means the same to a process elsewhere.
pub(in crate::cli) fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}
