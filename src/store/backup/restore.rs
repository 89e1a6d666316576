//! Restoring from a directory, and reading a backup again to see whether it could be.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::Sha256;

use super::{
    BATCH, BackupError, Manifest, Summary, Watch, list,
    make::{Taking, sums},
};
use crate::{
    blob::{
        BlobOptions, BlobStore,
        backup::Directory,
        take::{Means, Taken},
    },
    catalog::{Catalog, CatalogOptions, Change, Claim, Snapshot},
    clock::Clock,
    store::verify::{Pace, Verdict, digest_of_file, verify_blob},
};

/// Where the parts of a store are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory of the catalog.
    pub catalog: PathBuf,
    /// The root of the blobs.
    pub blobs: PathBuf,
    /// The directory of unfinished files.
    pub temporary: PathBuf,
}

/// How to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How blobs get there.
    pub means: Means,
    /// Whether something may be there already. Its catalog is replaced, its files stay.
    pub force: bool,
    /// Whether every byte is read and compared with its digest, also where nothing is copied.
    pub verify: bool,
}

/// A place that is taken for a restore.
pub(super) struct Target {
    pub(super) claim: Claim,
    pub(super) blobs: BlobStore,
}

impl Place {
    /// Takes the place; without `force` it must have nothing, or a restore that was interrupted.
    pub(super) fn take(&self, force: bool) -> Result<Target, BackupError> {
        let claim = Claim::take(&self.catalog)?;
        let options = BlobOptions {
            descriptors: 1,
            memory_bytes: 0,
            ..BlobOptions::default()
        };
        let failed = || BackupError::files("use", &self.blobs);
        let blobs = BlobStore::open(&self.blobs, &self.temporary, options).map_err(failed())?;
        let is_free =
            claim.is_begun() || !claim.has_catalog() && blobs.is_empty().map_err(failed())?;
        if !is_free && !force {
            let parent = self.catalog.parent();
            return Err(BackupError::NotEmpty(
                parent.unwrap_or(&self.catalog).into(),
            ));
        }
        claim.begin()?;
        Ok(Target { claim, blobs })
    }
}

/// Restores the backup in the directory `from`. Blocks. Stopped or killed at any point, it leaves a place
/// that no cache starts on unless it had a catalog before, which is then still good; doing it again goes on
/// where it was.
///
/// # Errors
/// When something cannot be read or written, or the place is not empty. Blobs that are missing or damaged
/// are no error, but counted; they are not restored, and a cache fetches them again.
pub fn restore(
    from: &Path,
    place: &Place,
    terms: Terms,
    watch: Watch<'_>,
) -> Result<Summary, BackupError> {
    let (directory, manifest) = opened(from)?;
    let path = catalog_of(&directory, &manifest)?;
    let snapshot = Snapshot::open(&path)?;
    let target = place.take(terms.force)?;
    let mut taking = Taking {
        from: directory.blobs(),
        to: &target.blobs,
        means: terms.means,
        summary: Summary::default(),
        progress: sums(&snapshot)?,
    };
    taking.all(&snapshot, None, watch)?;
    let mut summary = taking.summary;
    if terms.verify {
        verify(&target.blobs, &snapshot, &mut summary, true, watch)?;
    }
    let notes = target.blobs.take_notes_from(directory.blobs());
    notes
        .and_then(|()| target.blobs.sync_all())
        .map_err(BackupError::files("write to", &place.blobs))?;
    let mut file = std::fs::File::open(&path).map_err(BackupError::files("read", &path))?;
    let written = target.claim.write(&mut file)?;
    if written.to_string() != manifest.catalog_sha256 {
        return Err(BackupError::CatalogDamaged);
    }
    target.claim.install()?;
    measure(&place.catalog, &target.blobs)?;
    Ok(summary)
}

/// Counts what the files take here: another file system may give them other blocks.
pub(super) fn measure(catalog: &Path, blobs: &BlobStore) -> Result<(), BackupError> {
    let catalog = Catalog::open(catalog, &CatalogOptions::default(), Clock::system())?;
    let mut after = None;
    loop {
        let batch = catalog.blobs(after.as_ref(), BATCH)?;
        let Some((last, _)) = batch.last() else {
            return Ok(());
        };
        after = Some(*last);
        let mut changes = Vec::new();
        for (digest, _) in batch {
            let found = blobs.allocated(&digest);
            let recorded = catalog.allocated_of(&digest)?;
            if let Some(allocated) = found.filter(|_| found != recorded) {
                changes.push(Change::Measure { digest, allocated });
            }
        }
        catalog.write_all_blocking(changes)?;
    }
}

/// Reads every byte of the backup in `from` and compares it with its digest. Changes nothing. Blocks.
///
/// # Errors
/// When it cannot be read, or its catalog is damaged. Blobs that are missing or damaged are counted.
pub fn check(from: &Path, watch: Watch<'_>) -> Result<Summary, BackupError> {
    let (directory, manifest) = opened(from)?;
    let snapshot = Snapshot::open(&catalog_of(&directory, &manifest)?)?;
    let mut summary = Summary::default();
    verify(directory.blobs(), &snapshot, &mut summary, false, watch)?;
    let sums = sums(&snapshot)?;
    (summary.blobs, summary.bytes) = (sums.of_blobs, sums.of_bytes);
    summary.known = summary.blobs - summary.lost;
    Ok(summary)
}

fn opened(from: &Path) -> Result<(Directory, Manifest), BackupError> {
    let directory = Directory::open(from).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BackupError::NoBackup(from.to_owned()),
        _ => BackupError::files("use", from)(error),
    })?;
    let json = directory
        .manifest()
        .map_err(BackupError::files("read", from))?;
    let json = json.ok_or_else(|| BackupError::NoBackup(from.to_owned()))?;
    let manifest = Manifest::read(&json)?;
    Ok((directory, manifest))
}

/// The path of the catalog that a manifest names, whose bytes are what they were.
fn catalog_of(directory: &Directory, manifest: &Manifest) -> Result<PathBuf, BackupError> {
    let path = directory.catalog(&manifest.catalog);
    let path = path.ok_or_else(|| BackupError::Manifest("it names no catalog".into()))?;
    let digest = digest_of_file(&path).map_err(BackupError::files("read", &path))?;
    if digest.to_string() != manifest.catalog_sha256 {
        return Err(BackupError::CatalogDamaged);
    }
    Ok(path)
}

/// Compares what a snapshot names with what is there; removes what is damaged where that is wanted.
fn verify(
    blobs: &BlobStore,
    snapshot: &Snapshot,
    summary: &mut Summary,
    removes: bool,
    watch: Watch<'_>,
) -> Result<(), BackupError> {
    let (mut progress, mut after) = (sums(snapshot)?, None);
    loop {
        let batch = snapshot.blobs(after.as_ref(), BATCH)?;
        let Some((last, _)) = batch.last() else {
            return Ok(());
        };
        after = Some(*last);
        for (digest, blob) in &batch {
            judge(blobs, (digest, blob.size_bytes), summary, removes)?;
            progress.blobs += 1;
            progress.bytes += blob.size_bytes;
            if watch(progress) == ControlFlow::Break(()) {
                return Err(BackupError::Interrupted);
            }
        }
    }
}

fn judge(
    blobs: &BlobStore,
    (digest, size_bytes): (&Sha256, u64),
    summary: &mut Summary,
    removes: bool,
) -> Result<(), BackupError> {
    let failed = || BackupError::files("read", blobs.path(digest));
    let verdict = verify_blob(blobs, digest, size_bytes, Pace::default());
    let verdict = verdict.map_err(|error| failed()(std::io::Error::other(error)))?;
    let is_listed = |list: &[String]| list.iter().any(|known| *known == digest.to_string());
    match verdict {
        Verdict::Sound => return Ok(()),
        Verdict::Missing if is_listed(&summary.missing) || is_listed(&summary.damaged) => {
            return Ok(());
        }
        Verdict::Missing => list(&mut summary.missing, digest),
        Verdict::WrongLength { .. } | Verdict::WrongDigest { .. } => {
            list(&mut summary.damaged, digest);
        }
    }
    summary.lost += 1;
    if removes {
        blobs.remove(digest).map_err(failed())?;
    }
    Ok(())
}

impl Summary {
    /// Counts a blob that came in an archive.
    pub(super) fn came(&mut self, digest: &Sha256, size_bytes: u64, taken: Taken) {
        self.blobs += 1;
        self.bytes += size_bytes;
        self.count(digest, taken);
    }
}
