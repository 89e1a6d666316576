//! Archives of backups and exports: tar, written and read as a stream. Only regular files whose names are
//! plain text; every header is judged before any of its bytes are read, nothing is ever written where an
//! archive says, and no extension of the format is followed, so that memory stays bounded whatever comes.

use std::io::{self, Read, Write};

use artifact_cache_layers::digest::Sha256;
use tar::{Archive, Builder, Entries, Entry, EntryType, Header};

/// Where blobs are in an archive.
const BLOBS: &str = "blobs/";

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It could not be read or written.
    #[error("the archive could not be read or written")]
    Stream(#[from] io::Error),
    /// It breaks a rule.
    #[error("the archive is refused: {0}")]
    Refused(String),
    /// It ended before its end.
    #[error("the archive is cut: its last entry is missing")]
    Cut,
}

/// Writes an archive.
pub(super) struct Writer<W: Write>(Builder<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> Self {
        Self(Builder::new(to))
    }

    /// Adds a file of `size` bytes. A reader that has fewer is an error: the length was promised.
    pub(super) fn add(
        &mut self,
        name: &str,
        size: u64,
        from: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o444);
        header.set_mtime(0);
        header.set_cksum();
        let mut exactly = Exactly { from, left: size };
        Ok(self.0.append(&header, &mut exactly)?)
    }

    /// Adds a small file.
    pub(super) fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.add(name, bytes.len() as u64, &mut &*bytes)
    }

    pub(super) fn finish(self) -> Result<(), ArchiveError> {
        Ok(self.0.into_inner()?.flush()?)
    }
}

/// So many bytes, neither more nor fewer.
struct Exactly<'r> {
    from: &'r mut dyn Read,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let read = self.from.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The name of a blob's entry.
pub(super) fn blob_name(digest: &Sha256) -> String {
    format!("{BLOBS}{digest}")
}

/// The digest that an entry's name promises.
pub(super) fn blob_in(name: &str) -> Option<Sha256> {
    let digits = name.strip_prefix(BLOBS)?;
    let digest = digits.parse::<Sha256>().ok()?;
    // One spelling only: what is written back must be the same.
    (digest.to_string() == digits).then_some(digest)
}

/// An entry that was judged.
pub(super) struct Item<'a, R: Read> {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) content: Entry<'a, R>,
}

/// Reads an archive.
pub(super) struct Reader<'a, R: Read>(Entries<'a, R>);

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(archive: &'a mut Archive<R>) -> Result<Self, ArchiveError> {
        Ok(Self(archive.entries()?.raw(true)))
    }

    /// The next entry; `None` at the end, or where the archive is cut between two entries.
    pub(super) fn next(&mut self) -> Result<Option<Item<'a, R>>, ArchiveError> {
        let Some(content) = self.0.next().transpose()? else {
            return Ok(None);
        };
        let bytes = content.path_bytes();
        let name = String::from_utf8_lossy(&bytes).into_owned();
        if content.header().entry_type() != EntryType::Regular {
            return Err(refused(&name, "is no regular file"));
        }
        let size = content.header().entry_size()?;
        Ok(Some(Item {
            name,
            size,
            content,
        }))
    }
}

impl<R: Read> Item<'_, R> {
    /// All of a small entry.
    pub(super) fn small(mut self, most: u64) -> Result<Vec<u8>, ArchiveError> {
        if self.size > most {
            return Err(refused(&self.name, "is too large"));
        }
        let mut bytes = Vec::new();
        self.content.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.size {
            return Err(ArchiveError::Cut);
        }
        Ok(bytes)
    }
}

/// Says what is wrong with an entry.
pub(super) fn refused(name: &str, why: &str) -> ArchiveError {
    let shown: String = name.chars().take(200).collect();
    ArchiveError::Refused(format!("{shown:?} {why}"))
}
