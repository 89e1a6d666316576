//! Putting a catalog where there is none, or in the place of another: nobody can open it before it is
//! whole and durable.

use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::{Hasher, Sha256};

use super::{CatalogError, environment::lock};

/// LMDB's own names.
const FILE: &str = "data.mdb";
const LOCK: &str = "lock.mdb";
/// The name of the catalog until it is whole.
const NEW_FILE: &str = "data.mdb.restored";
/// Lies in a directory without a catalog while one is being put there: what is there of it so far is no
/// empty cache.
const MARKER: &str = "restoring";
/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// A directory of which no catalog can be opened as long as this lives.
pub struct Claim {
    directory: PathBuf,
    _lock: File,
}

impl Claim {
    /// Takes the directory, which is made if it is not there.
    ///
    /// # Errors
    /// `InUse` while a catalog in it is open.
    pub fn take(directory: &Path) -> Result<Self, CatalogError> {
        Ok(Self {
            _lock: lock(directory)?,
            directory: directory.to_owned(),
        })
    }

    /// Whether a catalog is there, and whole.
    pub fn has_catalog(&self) -> bool {
        self.directory.join(FILE).exists()
    }

    /// Whether this was begun before and not finished.
    pub fn is_begun(&self) -> bool {
        self.directory.join(MARKER).exists()
    }

    /// From now on there is no starting with an empty catalog in this directory. A catalog that is there
    /// stays good until [`Claim::install`] replaces it.
    pub fn begin(&self) -> Result<(), CatalogError> {
        if self.has_catalog() {
            return Ok(());
        }
        let made = File::create(self.directory.join(MARKER)).and_then(|file| file.sync_all());
        made.and_then(|()| self.sync())
            .map_err(|error| self.failed(error))
    }

    /// Writes the catalog beside its place; its digest.
    pub fn write(&self, from: &mut dyn Read) -> Result<Sha256, CatalogError> {
        copy_hashed(from, &self.directory.join(NEW_FILE)).map_err(|error| self.failed(error))
    }

    /// Gives what was written its place.
    pub fn install(self) -> Result<(), CatalogError> {
        self.put_in_place().map_err(|error| self.failed(error))
    }

    fn put_in_place(&self) -> io::Result<()> {
        fs::rename(self.directory.join(NEW_FILE), self.directory.join(FILE))?;
        self.sync()?;
        for name in [LOCK, MARKER] {
            match fs::remove_file(self.directory.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn failed(&self, source: io::Error) -> CatalogError {
        CatalogError::Directory {
            path: self.directory.clone(),
            source,
        }
    }
}

/// Refuses a directory in which a restore was begun.
pub(super) fn check(directory: &Path) -> Result<(), CatalogError> {
    if directory.join(MARKER).exists() {
        return Err(CatalogError::Unfinished(directory.to_owned()));
    }
    Ok(())
}

fn copy_hashed(from: &mut dyn Read, to: &Path) -> io::Result<Sha256> {
    let mut file = File::create(to)?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; CHUNK]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
    }
    file.sync_all()?;
    Ok(hasher.finish())
}
