//! Directories as archives: `tar` in gzip, with one root. Packed the same way every time; unpacked so that
//! nothing leaves the directory, whatever the archive says.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
};

use artifact_cache_layers::body::BoxError;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tar::{Archive, Builder, EntryType, HeaderMode};

use crate::cli::exit::Failure;

/// Writes the archive of `directory` with the root `name`: regular files and directories, in order of
/// name. Links and devices are refused, because nobody would unpack them.
pub(super) fn pack(directory: &Path, name: &str, to: impl Write) -> Result<(), BoxError> {
    let mut builder = Builder::new(GzEncoder::new(to, Compression::default()));
    builder.mode(HeaderMode::Deterministic);
    builder.follow_symlinks(false);
    let mut open = vec![(directory.to_owned(), PathBuf::from(name))];
    while let Some((path, name)) = open.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            builder.append_dir(&name, &path)?;
            let entries = fs::read_dir(&path)?.collect::<io::Result<Vec<_>>>()?;
            let mut entries: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
            // The last one is taken first.
            entries.sort_unstable_by(|one, other| other.cmp(one));
            open.extend(
                entries
                    .iter()
                    .map(|entry| (path.join(entry), name.join(entry))),
            );
        } else if kind.is_file() {
            builder.append_file(&name, &mut File::open(&path)?)?;
        } else {
            return Err(format!("{} is neither a file nor a directory", path.display()).into());
        }
    }
    builder.into_inner()?.finish()?;
    Ok(())
}

/// Unpacks an archive below `into`. What is there already stays as it is, and nothing appears unless all
/// of it was good. Returns the names that appeared.
pub(super) fn unpack(archive: impl Read, into: &Path, most: u64) -> Result<Vec<PathBuf>, Failure> {
    let staging = Staging::create(into)?;
    let mut archive = Archive::new(GzDecoder::new(archive).take(most));
    let mut left = most;
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        left = left
            .checked_sub(entry.size())
            .ok_or_else(|| refused(&path, "is too large"))?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let target = staging.0.join(inside(&path)?);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&target).map_err(failed(&target))?,
            EntryType::Regular => {
                let mode = entry.header().mode().unwrap_or(0);
                write(&mut entry, &target, mode)?;
            }
            _ => return Err(refused(&path, "is neither a file nor a directory")),
        }
    }
    staging.publish(into)
}

fn write(from: &mut impl Read, target: &Path, mode: u32) -> Result<(), Failure> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed(parent))?;
    }
    let mut file = File::create_new(target).map_err(failed(target))?;
    io::copy(from, &mut file).map_err(unreadable)?;
    let mode = 0o644 | mode & 0o111;
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(failed(target))
}

/// The path of an entry, if it leads nowhere but down.
fn inside(path: &Path) -> Result<PathBuf, Failure> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    let is_inside = parts.clone().next().is_some()
        && parts
            .clone()
            .all(|part| matches!(part, Component::Normal(_)));
    if !is_inside {
        return Err(refused(path, "leads out of the directory"));
    }
    Ok(parts.by_ref().collect())
}

/// A directory that goes with everything in it unless it was published.
struct Staging(PathBuf);

impl Staging {
    fn create(into: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(into).map_err(failed(into))?;
        let path = into.join(format!(".unpacking-{:08x}", fastrand::u32(..)));
        fs::create_dir(&path).map_err(failed(&path))?;
        Ok(Self(path))
    }

    fn publish(self, into: &Path) -> Result<Vec<PathBuf>, Failure> {
        let entries = fs::read_dir(&self.0).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(failed(&self.0))?;
        let targets: Vec<_> = entries
            .iter()
            .map(|entry| into.join(entry.file_name()))
            .collect();
        if let Some(taken) = targets
            .iter()
            .find(|target| fs::symlink_metadata(target).is_ok())
        {
            return Err(failed(taken)(io::ErrorKind::AlreadyExists.into()));
        }
        for (entry, target) in entries.iter().zip(&targets) {
            fs::rename(entry.path(), target).map_err(failed(target))?;
        }
        Ok(targets)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left has a name of its own and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::Archive(format!("{} {why}", path.display()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unreadable(error: io::Error) -> Failure {
    Failure::Archive(format!("it cannot be read: {error}"))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| Failure::File {
        action: "write",
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 20;

    /// An archive of one entry whose name and kind are as given, valid or not.
    fn archive_of(name: &str, kind: EntryType, link: &str) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind) in [("root/good", EntryType::Regular), (name, kind)] {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_size(if kind == EntryType::Regular { 4 } else { 0 });
            header.set_mode(0o4755);
            header.set_cksum();
            let content: &[u8] = if kind == EntryType::Regular {
                b"evil"
            } else {
                b""
            };
            builder.append(&header, content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked_and_packing_it_again_gives_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("source");
        fs::create_dir_all(source.join("a/empty")).unwrap();
        fs::write(source.join("a/ü b"), "bytes").unwrap();
        fs::write(source.join("long".repeat(40)), "long name").unwrap();
        let packed = || {
            let mut bytes = Vec::new();
            pack(&source, "run-1", &mut bytes).unwrap();
            bytes
        };
        let bytes = packed();
        assert_eq!(bytes, packed());
        let into = directory.path().join("into");
        let names = unpack(&bytes[..], &into, MOST).unwrap();
        assert_eq!(names, [into.join("run-1")]);
        assert_eq!(fs::read(into.join("run-1/a/ü b")).unwrap(), b"bytes");
        assert!(into.join("run-1/a/empty").is_dir());
        assert!(unpack(&bytes[..], &into, MOST).is_err(), "it is there");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    }

    #[test]
    fn nothing_of_an_archive_that_reaches_out_is_unpacked() {
        use EntryType::{Block, Char, Fifo, Link, Regular, Symlink};
        for (name, kind, link) in [
            ("../evil", Regular, ""),
            ("root/../../evil", Regular, ""),
            ("/tmp/evil", Regular, ""),
            ("root/link", Symlink, "/etc"),
            ("root/link", Link, "../../etc/passwd"),
            ("root/pipe", Fifo, ""),
            ("root/char", Char, ""),
            ("root/block", Block, ""),
            ("root/good", Regular, ""),
            ("root/good/below", Regular, ""),
            ("..", EntryType::Directory, ""),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let into = directory.path().join("into");
            let unpacked = unpack(&archive_of(name, kind, link)[..], &into, MOST);
            assert!(unpacked.is_err(), "{name} {kind:?}");
            assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "{name}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{name}");
        }
    }

    #[test]
    fn archives_that_are_cut_or_too_large_are_refused() {
        let good = archive_of("root/more", EntryType::Regular, "");
        let directory = tempfile::tempdir().unwrap();
        assert!(unpack(&good[..good.len() / 2], directory.path(), MOST).is_err());
        assert!(unpack(&good[..], directory.path(), 7).is_err());
        assert!(unpack(&b"no archive"[..], directory.path(), MOST).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        unpack(&good[..], directory.path(), MOST).unwrap();
        let mode = fs::metadata(directory.path().join("root/good")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o7777, 0o755);
    }

    #[test]
    fn links_are_not_packed() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
        assert!(pack(directory.path(), "x", &mut Vec::new()).is_err());
    }
}
