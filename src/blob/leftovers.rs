//! What earlier processes left among the temporary files. Only files that are named as ours are looked
//! at: a wrongly configured directory must not lose somebody else's files.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{
    BlobStore,
    partial::UNFINISHED,
    resume::{IDENTITY, Locked, PART, ResumableName, lock_existing},
};

/// Temporary files by what shall become of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Of no use any more.
    pub stray: Vec<PathBuf>,
    /// Bytes in the stray files.
    pub stray_bytes: u64,
    /// Downloads that can be resumed.
    pub resumable: u64,
}

impl Leftovers {
    /// Removes the stray files; how many there still were. Blocks.
    pub fn remove_stray(&self) -> io::Result<u64> {
        let mut removed = 0;
        for path in &self.stray {
            match std::fs::remove_file(path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

impl BlobStore {
    /// Sorts the temporary files; `keep` is how long a download may be resumed. Files of downloads
    /// under way are in neither list.
    pub fn leftovers(&self, keep: Duration, now: SystemTime) -> io::Result<Leftovers> {
        let mut leftovers = Leftovers::default();
        for entry in self.temporary().read_dir()? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            match self.kind(&entry.path(), keep, now)? {
                Kind::Stray => {
                    // It may disappear at this moment: then it is not stray any more.
                    if let Ok(metadata) = entry.metadata() {
                        leftovers.stray_bytes += metadata.len();
                        leftovers.stray.push(entry.path());
                    }
                }
                Kind::Resumable => leftovers.resumable += 1,
                Kind::InUse | Kind::Foreign => {}
            }
        }
        leftovers.stray.sort();
        Ok(leftovers)
    }

    fn kind(&self, path: &Path, keep: Duration, now: SystemTime) -> io::Result<Kind> {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(UNFINISHED) {
            return Ok(Kind::Stray);
        }
        let Some((stem, extension @ (PART | IDENTITY))) = name.rsplit_once('.') else {
            return Ok(Kind::Foreign);
        };
        let Ok(key) = stem.parse::<Sha256>().map(CacheKey) else {
            return Ok(Kind::Foreign);
        };
        let name = ResumableName::of(self, &key);
        let state = match lock_existing(&name.part)? {
            None => Kind::Stray,
            Some(Locked::ByOther) => Kind::InUse,
            Some(Locked::ByUs(_)) => match name.read_identity() {
                Some(identity) if identity.is_resumable(keep, now) => Kind::Resumable,
                _ => Kind::Stray,
            },
        };
        // The two files of one download count once.
        Ok(match state {
            Kind::Resumable if extension == IDENTITY => Kind::InUse,
            state => state,
        })
    }
}

enum Kind {
    Stray,
    Resumable,
    InUse,
    Foreign,
}
