//! What is written beside the blob of an uploaded file so that it survives the loss of the catalog: nobody
//! could upload it again. As JSON in an extended attribute of its own, because the same bytes may also
//! have come from a URL.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::digest::Sha256;
use rustix::fs::XattrFlags;
use serde::{Deserialize, Serialize};

use super::BlobStore;
use crate::artifact::file;

/// Name of the extended attribute.
const ATTRIBUTE: &str = "user.artifact-cache.upload";
/// Largest record in bytes; a media type is far shorter.
const MAX_RECORD: usize = 4 << 10;

/// The record of an uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    content_type: String,
    created_at: Duration,
}

impl UploadRecord {
    /// The record of `file`.
    pub fn of(file: &file::File) -> Self {
        let created_at = file.created_at.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            content_type: file.content_type.clone(),
            created_at: created_at.unwrap_or_default(),
        }
    }

    /// Writes the record to a file. One that cannot be kept is missed only when the catalog is lost, too.
    pub(super) fn write_to(&self, file: &File) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        Ok(rustix::fs::fsetxattr(
            file,
            ATTRIBUTE,
            &json,
            XattrFlags::empty(),
        )?)
    }

    /// The same for a blob that is finished, and so closed to writers, unless it has one.
    pub(super) fn add_to(&self, path: &Path, finished_mode: u32) -> io::Result<()> {
        let file = File::open(path)?;
        if rustix::fs::fgetxattr(&file, ATTRIBUTE, &mut [0; MAX_RECORD][..]).is_ok() {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(finished_mode | 0o200))?;
        let written = self.write_to(&file);
        file.set_permissions(Permissions::from_mode(finished_mode))?;
        written
    }
}

impl BlobStore {
    /// The uploaded file that a blob of this length is, by the record in its attributes.
    pub fn upload(&self, digest: &Sha256, size_bytes: u64) -> Option<file::File> {
        let mut json = vec![0; MAX_RECORD];
        let length = rustix::fs::getxattr(self.path(digest), ATTRIBUTE, &mut json[..]).ok()?;
        let record: UploadRecord = serde_json::from_slice(json.get(..length)?).ok()?;
        Some(file::File {
            digest: *digest,
            size_bytes,
            content_type: record.content_type,
            created_at: SystemTime::UNIX_EPOCH.checked_add(record.created_at)?,
        })
    }

    /// Takes the record of an uploaded file off its blob: it was removed as such.
    pub(crate) fn forget_upload(&self, digest: &Sha256) {
        // Without a file or a record there is nothing to forget.
        let _ = rustix::fs::removexattr(self.path(digest), ATTRIBUTE);
    }
}
