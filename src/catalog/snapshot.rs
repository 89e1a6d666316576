//! A consistent copy of the catalog for backup, taken while it is in use, and what such a copy names.

use std::{fs::File, path::Path};

use artifact_cache_layers::digest::Sha256;
use heed::{CommitOrAbort, EnvFlags, EnvOpenOptions, WithTls, types::Bytes};

use super::{
    BlobRecord, Catalog, CatalogError, audit::digest_of, codec, environment::MAX_DATABASES,
    table::Table,
};

/// LMDB's own name of the file.
const FILE: &str = "data.mdb";
/// The name of the new file until it takes that place.
const NEW_FILE: &str = "data.mdb.new";

impl Catalog {
    /// Writes the catalog in `directory`, which must be this one, anew without unused pages, and returns its
    /// sizes before and after. The new file takes the place of the old one while this catalog still has its
    /// lock, so that nobody can write in between; this catalog itself must not be used any more.
    pub fn vacuum(self, directory: &Path) -> Result<(u64, u64), CatalogError> {
        let failed = |source| CatalogError::Directory {
            path: directory.to_owned(),
            source,
        };
        let (file, new) = (directory.join(FILE), directory.join(NEW_FILE));
        // What an earlier attempt left is no catalog of anybody.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        let before = file.metadata().map_err(failed)?.len();
        self.snapshot_to(&new)?;
        let after = new.metadata().map_err(failed)?.len();
        std::fs::rename(&new, &file).map_err(failed)?;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        Ok((before, after))
    }

    /// Writes a compacted copy to the new file `path` and makes it durable. Opened as `data.mdb` of an
    /// empty directory it is a catalog. Takes about a second per 300 MiB and blocks the thread; the
    /// catalog grows a little meanwhile, because the pages being copied cannot be reused.
    pub fn snapshot_to(&self, path: &Path) -> Result<(), CatalogError> {
        let failed = |source| CatalogError::Directory {
            path: path.to_owned(),
            source,
        };
        // An existing file is never overwritten: it may be the last good backup, or a live catalog.
        let mut file = File::create_new(path).map_err(failed)?;
        let copied = self
            .environment()
            .lmdb
            .copy_to_file(&mut file, heed::CompactionOption::Enabled);
        if let Err(error) = copied {
            let _ = std::fs::remove_file(path);
            return Err(error.into());
        }
        file.sync_all().map_err(failed)?;
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        File::open(directory.unwrap_or(Path::new(".")))
            .and_then(|directory| directory.sync_all())
            .map_err(failed)
    }
}

/// A snapshot in a file: it is read and never written. The file must be one of ours: LMDB trusts what it
/// maps.
pub struct Snapshot {
    lmdb: heed::Env<WithTls>,
    blobs: Table,
}

impl Snapshot {
    /// Opens the snapshot in `file`.
    pub fn open(file: &Path) -> Result<Self, CatalogError> {
        let mut options = EnvOpenOptions::new();
        options.max_dbs(MAX_DATABASES);
        let flags = EnvFlags::NO_SUB_DIR | EnvFlags::READ_ONLY | EnvFlags::NO_LOCK;
        // SAFETY: nobody writes a snapshot, so that a reader needs no lock; nothing in this process maps
        // the same file besides this.
        let lmdb = unsafe { options.flags(flags).open(file) }?;
        let opened = lmdb.open_databases_and_commit(lmdb.read_txn()?, |opener, txn| {
            let blobs = opener.open_database::<Bytes, Bytes>(txn, Some("blobs"))?;
            Ok::<_, CatalogError>(CommitOrAbort::<_, ()>::Commit(blobs))
        })?;
        let blobs = opened.commit().flatten();
        let blobs = blobs.ok_or_else(|| CatalogError::NoCatalog(file.to_owned()))?;
        let blobs = Table {
            name: "blobs",
            lmdb: blobs,
        };
        Ok(Self { lmdb, blobs })
    }

    /// At most `limit` blobs behind `after`, in order of digest. Unreadable ones are left out.
    pub fn blobs(
        &self,
        after: Option<&Sha256>,
        limit: usize,
    ) -> Result<Vec<(Sha256, BlobRecord)>, CatalogError> {
        let txn = self.lmdb.read_txn()?;
        let after = after.map(|digest| &digest.as_bytes()[..]);
        let rows = self.blobs.rows(&txn, after, limit)?;
        let blobs = rows
            .into_iter()
            .filter_map(|(key, value)| Some((digest_of(&key)?, codec::decode_blob(&value).ok()?)));
        Ok(blobs.collect())
    }

    /// Whether it names a blob.
    pub fn names(&self, digest: &Sha256) -> Result<bool, CatalogError> {
        let txn = self.lmdb.read_txn()?;
        Ok(self.blobs.get(&txn, digest.as_bytes())?.is_some())
    }
}
