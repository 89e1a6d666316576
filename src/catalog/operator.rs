//! A note beside the lock: how the operator of this machine reaches the process that holds it. Who can
//! read the directory can read and change the catalog anyway, so that the note gives nothing away; its
//! file is the owner's alone all the same.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const NAME: &str = "operator";

/// The note; it is taken away when this is dropped. One that a killed process left is out of date, and
/// the next process writes over it.
#[derive(Debug)]
pub struct Note(PathBuf);

impl Note {
    /// Leaves a note in the directory of a catalog that this process holds.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn leave(directory: &Path, text: &str) -> io::Result<Self> {
        let path = directory.join(NAME);
        // Never into a file that somebody else made with other permissions.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(Self(path))
    }

    /// The note in a directory.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(directory: &Path) -> io::Result<String> {
        fs::read_to_string(directory.join(NAME))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // A note that stays is out of date and lets nobody in.
        let _ = fs::remove_file(&self.0);
    }
}
