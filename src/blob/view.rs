//! The view `<root>/sha256/<64 hex digits>`: a second name of a blob, for programs of this machine that
//! were told where it is. The name stays when the blob loses its own, and with it the bytes.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::digest::Sha256;

use super::BlobStore;

/// The directory of the view below the root of the store; no fan-out directory is called so.
const VIEW: &str = "sha256";

/// What tells whether a file was changed since it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    /// Length in bytes.
    pub len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// When the bytes were written last.
    pub fn modified(&self) -> SystemTime {
        let since = |seconds, nanoseconds| {
            Some(Duration::new(
                u64::try_from(seconds).ok()?,
                u32::try_from(nanoseconds).ok()?,
            ))
        };
        let since = since(self.modified.0, self.modified.1).unwrap_or_default();
        SystemTime::UNIX_EPOCH + since
    }

    /// Whether two names are of one file.
    fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl BlobStore {
    /// The path of a blob in the view, absolute, whether it exists or not.
    pub fn view_path(&self, digest: &Sha256) -> PathBuf {
        let root = std::path::absolute(self.root()).unwrap_or_else(|_| self.root().to_owned());
        root.join(VIEW).join(digest.to_string())
    }

    /// The stamp of a blob's file, `None` when there is none. Blocks.
    pub fn stamp(&self, digest: &Sha256) -> io::Result<Option<Stamp>> {
        stamp_of(&self.path(digest))
    }

    /// Gives a blob its name in the view, and returns that. A name that leads to another file is moved
    /// in one step, so that whoever opens it finds the old bytes or the new ones. Blocks.
    pub(crate) fn link_view(&self, digest: &Sha256) -> io::Result<PathBuf> {
        let (own, view) = (self.path(digest), self.view_path(digest));
        let stamp = stamp_of(&own)?.ok_or(io::ErrorKind::NotFound)?;
        match stamp_of(&view)? {
            Some(linked) if linked.is_same_file(&stamp) => return Ok(view),
            Some(_) => self.replace_view(&own, &view)?,
            None => {
                if let Some(directory) = view.parent() {
                    fs::create_dir_all(directory)?;
                }
                match fs::hard_link(&own, &view) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        self.replace_view(&own, &view)?;
                    }
                    linked => linked?,
                }
            }
        }
        Ok(view)
    }

    fn replace_view(&self, own: &Path, view: &Path) -> io::Result<()> {
        let name = format!("{:016x}{}", fastrand::u64(..), super::partial::UNFINISHED);
        let temporary = self.temporary().join(name);
        fs::hard_link(own, &temporary)?;
        // Renaming one name of a file over another does nothing and leaves both.
        let renamed = fs::rename(&temporary, view);
        remove_if_there(&temporary)?;
        renamed
    }

    /// Tells `visit` of each name in the view. Blocks.
    pub(super) fn each_view(&self, mut visit: impl FnMut(Sha256)) -> io::Result<()> {
        let entries = match self.root().join(VIEW).read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            if let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) {
                visit(digest);
            }
        }
        Ok(())
    }

    /// Whether a blob has a name in the view.
    pub(super) fn is_viewed(&self, digest: &Sha256) -> bool {
        let stamps = (self.stamp(digest), stamp_of(&self.view_path(digest)));
        matches!(stamps, (Ok(Some(own)), Ok(Some(view))) if own.is_same_file(&view))
    }

    /// Takes a blob's name out of the view. Blocks.
    pub(crate) fn unlink_view(&self, digest: &Sha256) -> io::Result<()> {
        remove_if_there(&self.view_path(digest))
    }

    /// Takes those names out of the view whose blob has lost its own and that can be claimed; how many.
    /// What claiming gives is kept until the name is gone. Blocks.
    pub(crate) fn prune_view<G>(&self, claim: impl Fn(&Sha256) -> Option<G>) -> io::Result<u64> {
        let entries = match self.root().join(VIEW).read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut pruned = 0;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(OsStr::to_str);
            let Some(digest) = name.and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Some(_claim) = claim(&digest) else {
                continue;
            };
            // A backup may have another name of the file, which is no reason to keep this one.
            if !self.is_viewed(&digest) {
                remove_if_there(&path)?;
                pruned += 1;
            }
        }
        Ok(pruned)
    }

    /// Whether a path is a name in the view.
    pub(super) fn is_view(&self, path: &Path) -> bool {
        let directory = path.parent().and_then(Path::file_name);
        directory == Some(OsStr::new(VIEW))
            && path.parent().and_then(Path::parent) == Some(self.root())
            && path
                .file_name()
                .and_then(OsStr::to_str)
                .is_some_and(|name| name.parse::<Sha256>().is_ok())
    }
}

/// Links are not followed: somebody put them there.
fn stamp_of(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        metadata => metadata.map(|metadata| Some(Stamp::of(&metadata))),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{put, temporary_store},
        *,
    };

    #[test]
    fn a_view_is_the_same_file_and_outlives_the_name_of_the_blob() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"viewed");
        let view = store.link_view(&digest).expect("linked");
        assert_eq!(view, store.link_view(&digest).expect("linked again"));
        let stamp = |path: &Path| stamp_of(path).expect("stamp").expect("there");
        assert!(stamp(&view).is_same_file(&stamp(&store.path(&digest))));
        assert_eq!(store.prune_view(|_| Some(())).expect("pruned"), 0);
        store.remove(&digest).expect("removed");
        assert_eq!(store.prune_view(|_| None::<()>).expect("pruned"), 0);
        assert_eq!(fs::read(&view).expect("readable"), b"viewed");
        assert_eq!(store.prune_view(|_| Some(())).expect("pruned"), 1);
        assert!(!view.exists());
    }

    #[test]
    fn a_view_of_another_file_is_replaced() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"right");
        let view = store.view_path(&digest);
        fs::create_dir_all(view.parent().expect("parent")).expect("directory");
        fs::write(&view, b"wrong").expect("foreign");
        store.link_view(&digest).expect("linked");
        assert_eq!(fs::read(&view).expect("readable"), b"right");
        assert_eq!(store.temporary().read_dir().expect("temporary").count(), 0);
    }

    #[test]
    fn names_in_the_view_are_neither_blobs_nor_strays() {
        let (_directory, store) = temporary_store();
        let digest = put(&store, b"walked");
        store.link_view(&digest).expect("linked");
        let mut found = Vec::new();
        store.walk(|file| found.push(file)).expect("walked");
        assert_eq!(found, [super::super::walk::Found::Blob(digest, 6)]);
    }
}
