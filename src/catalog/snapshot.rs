//! A consistent copy of the catalog for backup, taken while it is in use.

use std::{fs::File, path::Path};

use super::{Catalog, CatalogError};

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
