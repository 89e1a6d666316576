//! A consistent copy of the catalog for backup, taken while it is in use.

use std::{fs::File, path::Path};

use super::{Catalog, CatalogError};

impl Catalog {
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
