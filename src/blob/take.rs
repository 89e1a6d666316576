//! How blobs get from one store into another, for backups: as a second name of the same file where that is
//! possible, as a copy that is hashed on the way otherwise.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::{Hasher, Sha256};
use rustix::io::Errno;

use super::{Blob, BlobStore, Partial, directories, upload::UploadRecord};

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// How a blob is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// As another name of the file if both stores are on one file system that has such names.
    Link,
    /// As a file of its own.
    Copy,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was there already, with the right length.
    Known,
    /// It is another name of the same file now. Its bytes were not read.
    Linked,
    /// It was copied, and its bytes have the digest.
    Copied,
    /// The other store has no file of that length.
    Missing,
    /// The other store's bytes have another digest; nothing was taken.
    Damaged,
}

impl BlobStore {
    /// Takes a blob of `len` bytes over from another store. Durable once [`BlobStore::sync_all`] returned.
    /// Blocks.
    ///
    /// # Errors
    /// What the system says; the name has no half of it then.
    pub fn take_from(
        &self,
        from: &Self,
        digest: &Sha256,
        len: u64,
        means: Means,
    ) -> io::Result<Taken> {
        match self.path(digest).symlink_metadata() {
            Ok(found) if found.is_file() && found.len() == len => return Ok(Taken::Known),
            Ok(_) => drop(self.remove(digest)?),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let Some(source) = from.open_afresh(digest)?.filter(|blob| blob.len == len) else {
            return Ok(Taken::Missing);
        };
        if means == Means::Link && self.link_from(from, digest)? {
            return Ok(Taken::Linked);
        }
        self.copy_from(from, &source, digest)
    }

    /// Whether linking is possible.
    fn link_from(&self, from: &Self, digest: &Sha256) -> io::Result<bool> {
        let path = self.path(digest);
        directories::create(&path)?;
        let Err(error) = std::fs::hard_link(from.path(digest), path) else {
            return Ok(true);
        };
        match Errno::from_io_error(&error) {
            Some(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP) => Ok(false),
            _ => Err(error),
        }
    }

    fn copy_from(&self, from: &Self, source: &Blob, digest: &Sha256) -> io::Result<Taken> {
        let mut partial = Partial::create(self, Some(source.len))?;
        let (mut hasher, mut buffer, mut offset) = (Hasher::default(), vec![0; CHUNK], 0);
        while offset < source.len {
            let read = source.file.read_at(&mut buffer, offset)?;
            if read == 0 {
                return Ok(Taken::Missing);
            }
            hasher.update(&buffer[..read]);
            partial.write_all_at(&buffer[..read], offset)?;
            offset += read as u64;
        }
        if hasher.finish() != *digest {
            return Ok(Taken::Damaged);
        }
        if let Some(recovery) = from.recovery(digest) {
            partial.describe(recovery);
        }
        if let Some(upload) = from.upload(digest, source.len) {
            partial.describe_upload(UploadRecord::of(&upload));
        }
        partial.persist(digest).map(|_| Taken::Copied)
    }

    /// Takes over what is written of blobs and pointers beside them. Blocks.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn take_notes_from(&self, from: &Self) -> io::Result<()> {
        for record in from.journalled()? {
            self.journal(&record)?;
        }
        for (name, file) in from.noted_pointers()? {
            self.note_pointer(&name, || io::Result::Ok(Some(file)))?;
        }
        self.compact_journal()?;
        self.compact_pointers()
    }

    /// The path of a new file among the unfinished ones, for whoever needs one for a while.
    pub fn scratch(&self) -> PathBuf {
        let name = format!("{:016x}{}", fastrand::u64(..), super::partial::UNFINISHED);
        self.temporary().join(name)
    }

    /// A file without a name, for whoever needs one for a while. It goes when it is closed.
    pub(crate) fn scratch_file(&self) -> io::Result<File> {
        super::partial::nameless_file(self.temporary())
    }

    /// Removes such a file. Blocks.
    pub(crate) fn remove_scratch(path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// Returns when everything written so far is durable: one look at the whole file system instead of one
    /// for each name. Blocks.
    ///
    /// # Errors
    /// When the disk failed.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(self.root())?)?)
    }

    /// Whether unlinking a blob would give no room back, because its file has another name.
    pub(crate) fn has_other_names(&self, digest: &Sha256) -> bool {
        self.path(digest)
            .symlink_metadata()
            .is_ok_and(|found| found.nlink() > 1)
    }

    /// Whether there is nothing at all below the root.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_empty(&self) -> io::Result<bool> {
        let mut found = false;
        self.walk(|_| found = true)?;
        Ok(!found)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{put, temporary_store},
        *,
    };

    #[test]
    fn a_blob_comes_as_a_name_or_as_a_copy_and_is_known_after_that() {
        let ((_one, from), (_two, to)) = (temporary_store(), temporary_store());
        for (body, means) in [(b"linked", Means::Link), (b"copied", Means::Copy)] {
            let digest = put(&from, body);
            let taken = to.take_from(&from, &digest, 6, means).expect("taken");
            let inode = |store: &BlobStore| store.path(&digest).metadata().expect("there").ino();
            let is_linked = inode(&to) == inode(&from);
            assert_eq!(taken == Taken::Linked, is_linked);
            assert!(is_linked || means == Means::Copy || taken == Taken::Copied);
            assert_eq!(std::fs::read(to.path(&digest)).expect("read"), body);
            let again = to.take_from(&from, &digest, 6, means).expect("taken");
            assert_eq!(again, Taken::Known);
        }
    }

    #[test]
    fn neither_a_short_blob_nor_one_of_other_bytes_is_taken() {
        let ((_one, from), (_two, to)) = (temporary_store(), temporary_store());
        let (cut, changed) = (put(&from, b"cut short"), put(&from, b"changed"));
        for (digest, bytes) in [(cut, &b"cut"[..]), (changed, b"chanGed")] {
            std::fs::remove_file(from.path(&digest)).expect("removed");
            std::fs::write(from.path(&digest), bytes).expect("damaged");
        }
        let take = |digest, len| to.take_from(&from, digest, len, Means::Copy).expect("read");
        assert_eq!(take(&cut, 9), Taken::Missing);
        assert_eq!(take(&changed, 7), Taken::Damaged);
        assert!(to.is_empty().expect("read"));
    }
}
