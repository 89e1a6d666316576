//! The checks of a data directory: `verify` reads every byte, `fsck` compares catalog and files. Also what
//! is written to its catalog from outside: `maintain`, `import`.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use artifact_cache_layers::{body::BoxError, digest::Sha256};
use serde::Serialize;

use super::{Settings, sources};
use crate::{
    blob::{BlobOptions, BlobStore, walk::Found},
    catalog::{Catalog, CatalogError, CatalogOptions, Change, ImportReport, Incoming},
    cli::fsck::Check,
    clock::Clock,
    config::{self, storage::Storage},
    store::{
        commit::Committer,
        fsck::{self, Finding, Options, Report},
        verify::{Pace, Verdict, verify_all, verify_blob},
    },
};

/// The state of one stored blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Its bytes have the digest that names it.
    Intact,
    /// They have not.
    Damaged {
        /// The digest that names it.
        digest: Sha256,
        /// What is wrong.
        damage: Damage,
    },
    /// It was asked for, or the catalog has it, and there is no file.
    Missing {
        /// The digest that was asked for.
        digest: Sha256,
    },
}

/// What is wrong with the bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// They have this digest.
    Digest(Sha256),
    /// They are so many.
    Length(u64),
}

/// How far catalog and files agree, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Consistency {
    /// Artifacts in the catalog.
    pub artifacts: u64,
    /// Blobs in the catalog.
    pub blobs: u64,
    /// Blobs in the catalog that are not on disk.
    pub missing_blobs: u64,
    /// Blobs whose length is not that of the catalog.
    pub wrong_sizes: u64,
    /// Blobs whose bytes have another digest; known only when they were read.
    pub wrong_digests: u64,
    /// Blobs on disk that the catalog does not know.
    pub orphaned_blobs: u64,
    /// Contradictions within the catalog.
    pub contradictions: u64,
    /// Blobs that somebody could write to.
    pub wrong_modes: u64,
    /// Paths that were given out and lead elsewhere.
    pub wrong_paths: u64,
    /// Blobs that take more room than is counted.
    pub miscounted: u64,
    /// Temporary files that nothing will resume.
    pub leftovers: u64,
    /// Files among the blobs that are none. They are left alone and are no inconsistency.
    pub foreign_files: u64,
    /// How many of the above were mended.
    pub repaired: u64,
    /// Records taken into the catalog.
    pub rebuilt: u64,
}

/// Why a data directory cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChecked {
    #[error("there is no cache at {}", .0.display())]
    NoStore(PathBuf),
    #[error("a running cache uses {}; stop it first", .0.display())]
    InUse(PathBuf),
}

impl Consistency {
    fn of(report: &Report, artifacts: u64) -> Self {
        let mut sums = Self {
            artifacts,
            blobs: report.blobs,
            rebuilt: report.recovered,
            ..Self::default()
        };
        for finding in &report.findings {
            *sums.counter(finding) += 1;
        }
        if report.repaired {
            sums.repaired = sums.inconsistencies();
        }
        sums
    }

    fn counter(&mut self, finding: &Finding) -> &mut u64 {
        match finding {
            Finding::Blob { verdict, .. } => match verdict {
                Verdict::Missing => &mut self.missing_blobs,
                Verdict::WrongLength { .. } => &mut self.wrong_sizes,
                Verdict::Sound | Verdict::WrongDigest { .. } => &mut self.wrong_digests,
            },
            Finding::Unrecorded { .. } => &mut self.orphaned_blobs,
            Finding::Catalog(_) => &mut self.contradictions,
            Finding::Mode(_) => &mut self.wrong_modes,
            Finding::View(_) => &mut self.wrong_paths,
            Finding::Room { .. } => &mut self.miscounted,
            Finding::Temporary(_) => &mut self.leftovers,
            Finding::Stray(_) => &mut self.foreign_files,
        }
    }

    const fn inconsistencies(&self) -> u64 {
        self.missing_blobs
            + self.wrong_sizes
            + self.wrong_digests
            + self.orphaned_blobs
            + self.contradictions
            + self.wrong_modes
            + self.wrong_paths
            + self.miscounted
            + self.leftovers
    }

    /// Inconsistencies that are left.
    pub(in crate::cli) const fn unrepaired(&self) -> u64 {
        self.inconsistencies().saturating_sub(self.repaired)
    }
}

/// Reads the blob of `digest`, or every blob, and tells `each` what it found. While a cache runs on the
/// directory its catalog is out of reach; then the names of the files say what they should be.
pub(in crate::cli) fn verify(
    settings: Settings,
    digest: Option<Sha256>,
    each: &mut dyn FnMut(Verified),
) -> Result<(), BoxError> {
    let storage = storage(settings)?;
    let blobs = open_blobs(&storage)?;
    if let Some(digest) = digest {
        return verify_file(&blobs, digest, each);
    }
    match open_catalog(&storage) {
        Ok(catalog) => {
            verify_all((&catalog, &blobs), Pace::default(), |digest, verdict| {
                each(verified(*digest, verdict));
                ControlFlow::Continue(())
            })?;
            Ok(())
        }
        Err(CatalogError::InUse(_)) => verify_files(&blobs, each),
        Err(error) => Err(error.into()),
    }
}

fn verify_files(blobs: &BlobStore, each: &mut dyn FnMut(Verified)) -> Result<(), BoxError> {
    let mut digests = Vec::new();
    blobs.walk(|file| {
        if let Found::Blob(digest, _) = file {
            digests.push(digest);
        }
    })?;
    digests
        .into_iter()
        .try_for_each(|digest| verify_file(blobs, digest, each))
}

fn verify_file(
    blobs: &BlobStore,
    digest: Sha256,
    each: &mut dyn FnMut(Verified),
) -> Result<(), BoxError> {
    let length = blobs
        .path(&digest)
        .metadata()
        .map_or(0, |metadata| metadata.len());
    let verdict = verify_blob(blobs, &digest, length, Pace::default())?;
    each(verified(digest, verdict));
    Ok(())
}

fn verified(digest: Sha256, verdict: Verdict) -> Verified {
    let damage = match verdict {
        Verdict::Sound => return Verified::Intact,
        Verdict::Missing => return Verified::Missing { digest },
        Verdict::WrongLength { found } => Damage::Length(found),
        Verdict::WrongDigest { actual } => Damage::Digest(actual),
    };
    Verified::Damaged { digest, damage }
}

/// Compares catalog and files, and mends what it is told to.
pub(in crate::cli) fn fsck(settings: Settings, check: Check) -> Result<Consistency, BoxError> {
    let storage = storage(settings)?;
    let blobs = open_blobs(&storage)?;
    let catalog = open_catalog(&storage).map_err(|error| match error {
        CatalogError::InUse(path) => BoxError::from(NotChecked::InUse(path)),
        error => error.into(),
    })?;
    let options = Options {
        rebuild: check.rebuild,
        repair: check.repair,
        rehash: check.rehash,
        keep_partial: storage.keep_partial.0,
    };
    let report = fsck::fsck(&Committer::new(catalog.clone(), blobs), options)?;
    Ok(Consistency::of(&report, catalog.totals()?.total_items))
}

/// Copies the catalog to `backup` and writes it anew, as wanted; its sizes before and after the latter.
pub(in crate::cli) fn maintain(
    settings: Settings,
    backup: Option<&Path>,
    vacuum: bool,
) -> Result<Option<(u64, u64)>, BoxError> {
    let storage = storage(settings)?;
    if !is_directory(&storage.database) {
        return Err(NotChecked::NoStore(storage.database.clone()).into());
    }
    let catalog = open_catalog(&storage).map_err(|error| match error {
        CatalogError::InUse(path) => BoxError::from(NotChecked::InUse(path)),
        error => error.into(),
    })?;
    if let Some(path) = backup {
        catalog.snapshot_to(path)?;
    }
    Ok(if vacuum {
        Some(catalog.vacuum(&storage.database)?)
    } else {
        None
    })
}

/// Takes another registry into this one, unless the plan of that is not wanted; what the plan is.
pub(in crate::cli) fn import(
    settings: Settings,
    incoming: Incoming,
    may_write: &dyn Fn(&ImportReport) -> bool,
) -> Result<ImportReport, BoxError> {
    let catalog = open_catalog(&storage(settings)?).map_err(|error| match error {
        CatalogError::InUse(path) => BoxError::from(NotChecked::InUse(path)),
        error => error.into(),
    })?;
    let import = catalog.plan_import(incoming)?;
    let report = import.report.clone();
    if may_write(&report) {
        let change = Change::Import(Box::new(import));
        // The thread of a verb may be one that must not block.
        let writing = std::thread::spawn(move || catalog.write_blocking(change));
        let written = writing.join().map_err(|_| "the import failed")??;
        written.model.transpose()?;
    }
    Ok(report)
}

pub(super) fn storage(settings: Settings) -> Result<Storage, BoxError> {
    Ok(config::load(&sources(settings))?.config.storage)
}

/// The blobs of a directory that is there: a mistyped one is not made.
pub(super) fn open_blobs(storage: &Storage) -> Result<BlobStore, BoxError> {
    if !is_directory(&storage.base_path) {
        return Err(NotChecked::NoStore(storage.base_path.clone()).into());
    }
    let (root, temporary) = (&storage.base_path, &storage.temporary_path);
    Ok(BlobStore::open(root, temporary, BlobOptions::default())?)
}

pub(super) fn is_directory(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_dir())
}

pub(super) fn open_catalog(storage: &Storage) -> Result<Catalog, CatalogError> {
    let options = CatalogOptions::default();
    Catalog::open(&storage.database, &options, Clock::system())
}
