//! A file that appears under its name only when it is whole: written beside it, synced, renamed.
//! Dropped before that, nothing is left.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::exit::Failure;

/// A file being written.
pub(super) struct Partial {
    file: File,
    /// Where the bytes are until the file is whole; `None` for what is not a regular file.
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl Partial {
    /// Starts to write `path`. A device or a pipe there is written directly: renaming over it would
    /// replace it. A symbolic link is followed.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self::open(path.clone()).map_err(failed("create", &path))
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        let is_special = fs::metadata(&path).is_ok_and(|it| !it.is_file());
        let (temporary, file) = if is_special {
            (None, File::options().write(true).open(&path)?)
        } else {
            let temporary = temporary_beside(&path);
            let file = File::create_new(&temporary)?;
            (Some(temporary), file)
        };
        Ok(Self {
            file,
            temporary,
            path,
        })
    }

    /// The name it will have.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(failed("write", &self.path))
    }

    /// The bytes are whole and right: gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let Some(temporary) = self.temporary.take() else {
            return Ok(());
        };
        let named = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&temporary, &self.path));
        if named.is_err() {
            self.temporary = Some(temporary);
        }
        named.map_err(failed("write", &self.path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // It has a name of its own, so a leftover harms nobody.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A hidden name in the same directory: a rename does not cross file systems.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:08x}.partial", fastrand::u32(..)))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| Failure::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut partial = Partial::create(&path).unwrap();
        partial.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        partial.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(directory.path()), ["a"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut partial = Partial::create(&directory.path().join("a")).unwrap();
        partial.write(b"half").unwrap();
        drop(partial);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn a_symbolic_link_keeps_pointing_and_its_target_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("target"),
            directory.path().join("link"),
        );
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut partial = Partial::create(&link).unwrap();
        partial.write(b"new").unwrap();
        partial.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_device_is_written_and_stays_a_device() {
        let mut partial = Partial::create(Path::new("/dev/null")).unwrap();
        partial.write(b"bytes").unwrap();
        partial.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
