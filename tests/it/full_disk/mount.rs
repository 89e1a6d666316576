//! File systems that are really small, really full or really broken, where the tests may mount them.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Something mounted; it is taken away again.
pub(super) struct Mount(PathBuf);

impl Mount {
    /// Mounts over a directory; says so by name and gives nothing where that is not allowed.
    pub(super) fn over(path: &Path, kind: &str, options: &str, what: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", kind, "-o", options])
            .args([what, path])
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path.to_owned()));
        }
        println!("left out: {kind} with {options} cannot be mounted here");
        None
    }

    /// A file system in memory.
    pub(super) fn memory(path: &Path, options: &str) -> Option<Self> {
        Self::over(path, "tmpfs", options, Path::new("tmpfs"))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// A small file system of its own.
pub(super) struct Disk {
    mount: Mount,
    _directory: TempDir,
}

impl Disk {
    pub(super) fn of(options: &str) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        Some(Self {
            mount: Mount::memory(directory.path(), options)?,
            _directory: directory,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.mount.0
    }
}

/// Takes all the room below a path, down to the last block.
pub(super) fn fill(path: &Path) -> PathBuf {
    let name = path.join("filler");
    let mut file = File::create(&name).unwrap();
    for size in [1 << 16, 1 << 12, 1 << 9, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    name
}

/// Takes all the inodes below a path.
pub(super) fn take_inodes(path: &Path) -> PathBuf {
    let directory = path.join("inodes");
    fs::create_dir(&directory).unwrap();
    for number in 0.. {
        if File::create(directory.join(format!("{number}"))).is_err() {
            break;
        }
    }
    directory
}
