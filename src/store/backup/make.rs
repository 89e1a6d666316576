//! Making a backup in a directory.

use std::{ops::ControlFlow, path::Path};

use artifact_cache_layers::digest::Sha256;

use super::{BATCH, BackupError, COPIERS, Manifest, Progress, Summary, Watch};
use crate::{
    blob::{
        BlobStore,
        backup::Directory,
        take::{Means, Taken},
        walk::Found,
    },
    catalog::{BlobRecord, Snapshot},
    store::{backups::Underway, commit::Committer, verify::digest_of_file},
    telemetry::timestamp::Timestamp,
};

/// What is wanted of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How blobs get there.
    pub means: Means,
    /// Whether blobs go that the backup does not name any more.
    pub prune: bool,
}

/// Makes a backup of the store in the directory `to`, or brings the one that is there up to date. Blocks.
/// Stopped or killed at any point, it leaves the earlier backup as it was.
///
/// # Errors
/// When something cannot be read or written. Blobs that are missing are no error, but counted.
pub fn make(
    store: &Committer,
    to: &Path,
    wanted: Wanted,
    watch: Watch<'_>,
) -> Result<Summary, BackupError> {
    let directory = open(to)?;
    let old = old_catalog(&directory, to)?;
    let name = next_name(old.as_deref());
    let path = directory.catalog(&name).unwrap_or_default();
    let created_at = Timestamp(store.catalog.clock().now()).to_string();
    let (mut summary, snapshot) = take_all(store, &directory, &path, wanted.means, watch)?;
    let failed = || BackupError::files("write to", to);
    let blobs = directory.blobs();
    let noted = blobs.take_notes_from(&store.blobs);
    noted.and_then(|()| blobs.sync_all()).map_err(failed())?;
    let digest = digest_of_file(&path).map_err(failed())?;
    let mut manifest = Manifest::new(created_at, name, digest.to_string(), summary.clone());
    publish(&directory, &manifest, to)?;
    let cleaned = directory.clean_up(Some(&manifest.catalog));
    cleaned.map_err(BackupError::files("clean up", to))?;
    if wanted.prune {
        summary.dropped = prune(&directory, &snapshot).map_err(BackupError::files("prune", to))?;
        manifest.summary = summary.clone();
        publish(&directory, &manifest, to)?;
    }
    Ok(summary)
}

fn open(to: &Path) -> Result<Directory, BackupError> {
    Directory::create(to).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Foreign(to.to_owned()),
        _ => BackupError::files("use", to)(error),
    })
}

/// The catalog of the backup that is there, once what interrupted ones left is gone.
fn old_catalog(directory: &Directory, to: &Path) -> Result<Option<String>, BackupError> {
    let json = directory.manifest();
    let json = json.map_err(BackupError::files("read", to))?;
    // A manifest that cannot be read is replaced: the blobs are good all the same.
    let manifest = json.and_then(|json| Manifest::read(&json).ok());
    let old = manifest.map(|manifest| manifest.catalog);
    let cleaned = directory.clean_up(old.as_deref());
    cleaned.map_err(BackupError::files("clean up", to))?;
    Ok(old)
}

/// A name that the catalog of the backup that is there does not have.
fn next_name(old: Option<&str>) -> String {
    let [first, second] = [1, 2].map(Directory::catalog_name);
    if old == Some(&first) { second } else { first }
}

/// Copies the catalog and takes what it names, while nothing of that is unlinked.
fn take_all(
    store: &Committer,
    directory: &Directory,
    path: &Path,
    means: Means,
    watch: Watch<'_>,
) -> Result<(Summary, Snapshot), BackupError> {
    let underway = store.backups.begin();
    store.catalog.snapshot_to(path)?;
    let snapshot = Snapshot::open(path)?;
    let mut taking = Taking {
        from: &store.blobs,
        to: directory.blobs(),
        means,
        summary: Summary::default(),
        progress: sums(&snapshot)?,
    };
    taking.all(&snapshot, Some(&underway), watch)?;
    Ok((taking.summary, snapshot))
}

fn publish(directory: &Directory, manifest: &Manifest, to: &Path) -> Result<(), BackupError> {
    let published = directory.publish(&manifest.json()?);
    published.map_err(BackupError::files("write to", to))
}

/// What a snapshot names, in all.
pub(super) fn sums(snapshot: &Snapshot) -> Result<Progress, BackupError> {
    let (mut sums, mut after) = (Progress::default(), None);
    loop {
        let batch = snapshot.blobs(after.as_ref(), BATCH)?;
        let Some((last, _)) = batch.last() else {
            return Ok(sums);
        };
        after = Some(*last);
        sums.of_blobs += batch.len() as u64;
        sums.of_bytes += batch.iter().map(|(_, blob)| blob.size_bytes).sum::<u64>();
    }
}

/// Takes every blob of a snapshot from one store into another.
pub(super) struct Taking<'s> {
    pub(super) from: &'s BlobStore,
    pub(super) to: &'s BlobStore,
    pub(super) means: Means,
    pub(super) summary: Summary,
    pub(super) progress: Progress,
}

impl Taking<'_> {
    pub(super) fn all(
        &mut self,
        snapshot: &Snapshot,
        underway: Option<&Underway>,
        watch: Watch<'_>,
    ) -> Result<(), BackupError> {
        let mut after = None;
        loop {
            let batch = snapshot.blobs(after.as_ref(), BATCH)?;
            let Some((last, _)) = batch.last() else {
                return Ok(());
            };
            after = Some(*last);
            self.batch(&batch)?;
            if let Some(underway) = underway {
                underway.is_past(*last);
            }
            if watch(self.progress) == ControlFlow::Break(()) {
                return Err(BackupError::Interrupted);
            }
        }
    }

    fn batch(&mut self, batch: &[(Sha256, BlobRecord)]) -> Result<(), BackupError> {
        for ((digest, blob), taken) in batch.iter().zip(self.take(batch)?) {
            self.summary.blobs += 1;
            self.summary.bytes += blob.size_bytes;
            self.summary.count(digest, taken);
            self.progress.blobs += 1;
            self.progress.bytes += blob.size_bytes;
        }
        Ok(())
    }

    fn take(&self, batch: &[(Sha256, BlobRecord)]) -> Result<Vec<Taken>, BackupError> {
        let one = |(digest, blob): &(Sha256, BlobRecord)| {
            let taken = self
                .to
                .take_from(self.from, digest, blob.size_bytes, self.means);
            taken.map_err(BackupError::files("write", self.to.path(digest)))
        };
        let share = batch.len().div_ceil(COPIERS);
        std::thread::scope(|scope| {
            let threads: Vec<_> = batch
                .chunks(share)
                .map(|chunk| scope.spawn(move || chunk.iter().map(one).collect::<Vec<_>>()))
                .collect();
            let taken = threads.into_iter().flat_map(|thread| {
                // A thread that panicked took nothing that anybody can rely on.
                let panicked = || vec![Err(BackupError::Interrupted)];
                thread.join().unwrap_or_else(|_| panicked())
            });
            taken.collect()
        })
    }
}

fn prune(directory: &Directory, snapshot: &Snapshot) -> std::io::Result<u64> {
    let mut unnamed = Vec::new();
    directory.blobs().walk(|file| {
        if let Found::Blob(digest, _) = file
            && matches!(snapshot.names(&digest), Ok(false))
        {
            unnamed.push(digest);
        }
    })?;
    for digest in &unnamed {
        directory.drop_blob(digest)?;
    }
    directory.blobs().compact_journal()?;
    Ok(unnamed.len() as u64)
}
