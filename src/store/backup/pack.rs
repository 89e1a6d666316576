//! A backup as one archive, for another machine or another medium: what it is first, then the catalog, the
//! blobs in order of digest, and at the very end what could not be read, without which it does not count.

use std::{
    fs::File,
    io::{self, Read, Write},
    ops::ControlFlow,
    path::Path,
};

use artifact_cache_layers::digest::{Hasher, Sha256};

use super::{BATCH, BackupError, Manifest, Progress, Summary, Watch, make::sums};
use crate::{
    blob::{BlobStore, take::Taken},
    catalog::Snapshot,
    store::{
        archive::{ArchiveError, Writer, blob_name},
        commit::Committer,
        verify::digest_of_file,
    },
    telemetry::timestamp::Timestamp,
};

/// The entries beside the blobs.
pub(super) const MANIFEST: &str = "backup.json";
pub(super) const CATALOG: &str = "catalog.mdb";
pub(super) const END: &str = "end.json";

/// A file of ours that goes when it is not needed any more.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept at the next start.
        let _ = BlobStore::remove_scratch(&self.0);
    }
}

/// Writes a backup of the store to `to`. Blocks, and as long as whoever reads takes.
///
/// # Errors
/// When something cannot be read or written; what was written then does not count as a backup.
pub fn pack(store: &Committer, to: impl Write, watch: Watch<'_>) -> Result<Summary, BackupError> {
    let scratch = Scratch(store.blobs.scratch());
    let path = &scratch.0;
    let created_at = Timestamp(store.catalog.clock().now()).to_string();
    let underway = store.backups.begin();
    store.catalog.snapshot_to(path)?;
    let snapshot = Snapshot::open(path)?;
    let mut archive = Writer::new(to);
    let mut progress = sums(&snapshot)?;
    add_catalog(&mut archive, path, (created_at, progress))?;
    let (mut summary, mut after) = (Summary::default(), None);
    loop {
        let batch = snapshot.blobs(after.as_ref(), BATCH)?;
        if batch.is_empty() {
            break;
        }
        for (digest, blob) in &batch {
            let taken = add_blob(&mut archive, &store.blobs, (digest, blob.size_bytes))?;
            summary.came(digest, blob.size_bytes, taken);
            underway.is_past(*digest);
            after = Some(*digest);
            tell(&mut progress, blob.size_bytes, watch)?;
        }
    }
    let end = serde_json::to_vec(&summary).map_err(io::Error::from);
    archive.add_bytes(END, &end.map_err(ArchiveError::from)?)?;
    archive.finish()?;
    Ok(summary)
}

/// What it is, and the catalog.
fn add_catalog(
    archive: &mut Writer<impl Write>,
    path: &Path,
    (created_at, sums): (String, Progress),
) -> Result<(), BackupError> {
    let failed = || BackupError::files("read", path);
    let digest = digest_of_file(path).map_err(failed())?;
    let expected = Summary {
        blobs: sums.of_blobs,
        bytes: sums.of_bytes,
        ..Summary::default()
    };
    let manifest = Manifest::new(created_at, CATALOG.into(), digest.to_string(), expected);
    archive.add_bytes(MANIFEST, &manifest.json()?)?;
    let mut file = File::open(path).map_err(failed())?;
    let size = file.metadata().map_err(failed())?.len();
    Ok(archive.add(CATALOG, size, &mut file)?)
}

pub(super) fn tell(
    progress: &mut Progress,
    bytes: u64,
    watch: Watch<'_>,
) -> Result<(), BackupError> {
    progress.blobs += 1;
    progress.bytes += bytes;
    match watch(*progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BackupError::Interrupted),
    }
}

fn add_blob(
    archive: &mut Writer<impl Write>,
    blobs: &BlobStore,
    (digest, size_bytes): (&Sha256, u64),
) -> Result<Taken, BackupError> {
    let opened = blobs.open_afresh(digest);
    let opened = opened.map_err(BackupError::files("read", blobs.path(digest)))?;
    let Some(blob) = opened.filter(|blob| blob.len == size_bytes) else {
        return Ok(Taken::Missing);
    };
    let mut bytes = Hashed {
        file: &blob.file,
        hasher: Hasher::default(),
    };
    archive.add(&blob_name(digest), size_bytes, &mut bytes)?;
    Ok(if bytes.hasher.finish() == *digest {
        Taken::Copied
    } else {
        Taken::Damaged
    })
}

struct Hashed<'f> {
    file: &'f File,
    hasher: Hasher,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
