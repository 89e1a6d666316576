//! Restoring from an archive. Each blob is hashed before it gets its name, and the catalog is put in place
//! only when the archive was read to its end.

use std::io::Read;

use artifact_cache_layers::digest::{Hasher, Sha256};
use tar::Archive;

use super::{
    BackupError, Manifest, Place, Progress, Summary, Watch, list,
    pack::{CATALOG, END, MANIFEST, tell},
    restore::{Target, measure},
};
use crate::{
    blob::{BlobStore, Partial, take::Taken},
    store::{
        archive::{ArchiveError, Item, Reader, blob_in, refused},
        verify::{Pace, Verdict, verify_blob},
    },
};

/// Largest manifest and largest end, in bytes.
const MAX_JSON: u64 = 1 << 20;
/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Restores the backup in the archive `from`. Blocks.
///
/// # Errors
/// When it cannot be read, is cut, breaks a rule or cannot be written, or when the place is not empty.
/// Blobs that are missing or damaged are no error, but counted.
pub fn unpack(
    from: impl Read,
    place: &Place,
    force: bool,
    watch: Watch<'_>,
) -> Result<Summary, BackupError> {
    let mut archive = Archive::new(from);
    let mut reader = Reader::new(&mut archive)?;
    let manifest = named(reader.next()?, MANIFEST)?;
    let manifest = Manifest::read(&manifest.small(MAX_JSON)?)?;
    let mut catalog = named(reader.next()?, CATALOG)?;
    let target = place.take(force)?;
    let written = target.claim.write(&mut catalog.content)?;
    if written.to_string() != manifest.catalog_sha256 {
        return Err(BackupError::CatalogDamaged);
    }
    let mut progress = Progress {
        of_blobs: manifest.summary.blobs,
        of_bytes: manifest.summary.bytes,
        ..Progress::default()
    };
    let mut summary = Summary::default();
    loop {
        let Some(item) = reader.next()? else {
            return Err(ArchiveError::Cut.into());
        };
        if item.name == END {
            return end(item, (place, target), summary);
        }
        let digest = blob_in(&item.name);
        let digest = digest.ok_or_else(|| refused(&item.name, "is no part of a backup"))?;
        let size = item.size;
        let taken = keep(&target.blobs, digest, item)?;
        summary.came(&digest, size, taken);
        tell(&mut progress, size, watch)?;
    }
}

fn named<'a, R: Read>(item: Option<Item<'a, R>>, name: &str) -> Result<Item<'a, R>, ArchiveError> {
    let item = item.ok_or(ArchiveError::Cut)?;
    if item.name != name {
        return Err(refused(
            &item.name,
            &format!("stands where {name:?} belongs"),
        ));
    }
    Ok(item)
}

fn keep<R: Read>(
    blobs: &BlobStore,
    digest: Sha256,
    mut item: Item<'_, R>,
) -> Result<Taken, BackupError> {
    let failed = || BackupError::files("write", blobs.path(&digest));
    // Room is not reserved: the length is what the archive says, and may be a lie.
    let partial = Partial::create(blobs, None).map_err(failed())?;
    let (mut hasher, mut buffer, mut offset) = (Hasher::default(), vec![0; CHUNK], 0);
    loop {
        let read = item.content.read(&mut buffer).map_err(ArchiveError::from)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        let written = partial.write_all_at(&buffer[..read], offset);
        written.map_err(failed())?;
        offset += read as u64;
    }
    if offset != item.size {
        return Err(ArchiveError::Cut.into());
    }
    if hasher.finish() != digest {
        return Ok(Taken::Damaged);
    }
    // A file of other bytes that is there already goes: its name promises what these are.
    let known = verify_blob(blobs, &digest, offset, Pace::default());
    if matches!(known, Ok(Verdict::WrongDigest { .. })) {
        blobs.remove(&digest).map_err(failed())?;
    }
    let persisted = partial.persist(&digest).map_err(failed())?;
    Ok(if persisted.is_new {
        Taken::Copied
    } else {
        Taken::Known
    })
}

fn end<R: Read>(
    item: Item<'_, R>,
    (place, target): (&Place, Target),
    mut summary: Summary,
) -> Result<Summary, BackupError> {
    let written = serde_json::from_slice::<Summary>(&item.small(MAX_JSON)?);
    let written = written.map_err(|error| BackupError::Manifest(error.to_string()))?;
    for digest in written
        .missing
        .iter()
        .filter_map(|digest| digest.parse().ok())
    {
        list(&mut summary.missing, &digest);
    }
    summary.lost += written.lost.saturating_sub(written.damaged.len() as u64);
    if summary.blobs < written.copied {
        return Err(ArchiveError::Cut.into());
    }
    summary.blobs = written.blobs;
    let root = target.blobs.root().to_owned();
    let synced = target.blobs.sync_all();
    synced.map_err(BackupError::files("write to", root))?;
    target.claim.install()?;
    measure(&place.catalog, &target.blobs)?;
    Ok(summary)
}
