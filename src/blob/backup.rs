//! The files of a backup directory: blobs as in a store, numbered copies of the catalog, and the manifest,
//! which names the copy that counts. The manifest is replaced in one step and last, so that the directory
//! has the old backup or the new one at every moment.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{BlobOptions, BlobStore};

/// What makes a directory a backup.
const MANIFEST: &str = "backup.json";
const LOCK: &str = "lock";
const PREFIX: &str = "catalog-";
const SUFFIX: &str = ".mdb";

/// A backup directory that nobody else reads or writes meanwhile.
pub struct Directory {
    root: PathBuf,
    blobs: BlobStore,
    _lock: File,
}

impl Directory {
    /// Opens a directory to write a backup to; it is made if it is not there.
    ///
    /// # Errors
    /// `AlreadyExists` when something else is in it, `WouldBlock` when another backup or restore uses it.
    pub fn create(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        if !root.join(LOCK).exists() && root.read_dir()?.next().is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Self::lock(root)
    }

    /// Opens the directory of a backup that was made.
    ///
    /// # Errors
    /// `NotFound` when there is none, `WouldBlock` when another backup or restore uses it.
    pub fn open(root: &Path) -> io::Result<Self> {
        root.join(MANIFEST).metadata()?;
        Self::lock(root)
    }

    fn lock(root: &Path) -> io::Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(root.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let options = BlobOptions {
            descriptors: 1,
            memory_bytes: 0,
            ..BlobOptions::default()
        };
        Ok(Self {
            blobs: BlobStore::open(&root.join("cache"), &root.join("tmp"), options)?,
            root: root.to_owned(),
            _lock: file,
        })
    }

    /// The blobs.
    pub const fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// The manifest, if a backup was finished here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn manifest(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(MANIFEST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// The name of the copy of the catalog with this number.
    pub fn catalog_name(number: u64) -> String {
        format!("{PREFIX}{number}{SUFFIX}")
    }

    /// The path of a copy of the catalog, if that is what `name` names.
    pub fn catalog(&self, name: &str) -> Option<PathBuf> {
        number_in(name).map(|_| self.root.join(name))
    }

    /// Removes every copy of the catalog but `name`, and what interrupted backups left.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn clean_up(&self, name: Option<&str>) -> io::Result<()> {
        for entry in self.root.read_dir()? {
            let entry = entry?;
            let found = entry.file_name().into_string().unwrap_or_default();
            if number_in(&found).is_some() && Some(&*found) != name {
                fs::remove_file(entry.path())?;
            }
        }
        let keep = std::time::Duration::ZERO;
        self.blobs
            .leftovers(keep, std::time::UNIX_EPOCH)?
            .remove_stray()?;
        Ok(())
    }

    /// Makes a manifest the one that counts, durably.
    ///
    /// # Errors
    /// What the system says; the old one counts then.
    pub fn publish(&self, manifest: &[u8]) -> io::Result<()> {
        let (path, new) = (self.root.join(MANIFEST), self.root.join("backup.json.new"));
        let mut file = File::create(&new)?;
        file.write_all(manifest)?;
        file.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.root)?.sync_all()
    }

    /// Removes a blob that no manifest needs.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_blob(&self, digest: &artifact_cache_layers::digest::Sha256) -> io::Result<bool> {
        self.blobs.remove(digest)
    }
}

fn number_in(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_other_things_in_it_is_no_place_for_a_backup() {
        let directory = tempfile::tempdir().expect("directory");
        fs::write(directory.path().join("thesis.tex"), b"x").expect("written");
        let refused = Directory::create(directory.path()).err();
        let kind = refused.map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::AlreadyExists));
        assert!(Directory::open(directory.path()).is_err());
    }

    #[test]
    fn a_directory_is_used_by_one_at_a_time_and_named_files_stay_inside() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("backup");
        let backup = Directory::create(&path).expect("made");
        let kind = Directory::create(&path).err().map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::WouldBlock));
        assert_eq!(backup.catalog("../catalog-1.mdb"), None);
        assert_eq!(backup.catalog("catalog-.mdb"), None);
        assert!(backup.catalog("catalog-7.mdb").is_some());
    }
}
