//! What is written beside a blob so that the catalog can be rebuilt from blobs alone: as JSON in an
//! extended attribute of the file, or in a journal where that is not possible
//! (docs/decisions/0005-recovery-records.md).

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{stored_response::StoredResponse, target_uri::TargetUri},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rustix::{fs::XattrFlags, io::Errno};
use serde::{Deserialize, Serialize};

use super::BlobStore;

/// Name of the extended attribute.
pub const ATTRIBUTE: &str = "user.artifact-cache";
/// Name of the journal below the root of the store; no fan-out directory is called so.
pub const JOURNAL: &str = "journal.jsonl";
/// Largest value of an extended attribute in Linux, in bytes.
const MAX_ATTRIBUTE: usize = 64 << 10;

/// The head of a response and its URL. Field values are text: one character for each byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    final_url: Option<String>,
    digest: String,
    length: u64,
    status: u16,
    fields: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nominated: Vec<(String, Option<String>)>,
    request_time: Duration,
    response_time: Duration,
}

impl Recovery {
    /// The record of a response.
    pub fn new(uri: &TargetUri, final_url: Option<&str>, response: &StoredResponse) -> Self {
        let since_1970 = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
        let fields = response.fields.iter();
        let nominated = response.nominated.iter();
        Self {
            url: uri.to_string(),
            final_url: final_url.map(str::to_owned),
            digest: response.digest.to_string(),
            length: response.length,
            status: response.status.as_u16(),
            fields: fields
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            nominated: nominated
                .map(|(name, value)| (name.to_string(), value.as_deref().map(text)))
                .collect(),
            request_time: since_1970(response.request_time).unwrap_or_default(),
            response_time: since_1970(response.response_time).unwrap_or_default(),
        }
    }

    /// The URL, where redirects ended, and the response; `None` when the record makes no sense.
    pub fn read(&self) -> Option<(TargetUri, Option<String>, StoredResponse)> {
        let mut fields = HeaderMap::new();
        for (name, value) in &self.fields {
            let value = HeaderValue::from_bytes(&bytes(value)?).ok()?;
            fields.try_append(field_name(name)?, value).ok()?;
        }
        let nominated = self.nominated.iter().map(|(name, value)| {
            let value = value.as_deref().map(bytes);
            Some((
                field_name(name)?,
                value.map_or(Some(None), |value| value.map(Some))?,
            ))
        });
        let response = StoredResponse {
            status: StatusCode::from_u16(self.status).ok()?,
            fields,
            request_time: SystemTime::UNIX_EPOCH.checked_add(self.request_time)?,
            response_time: SystemTime::UNIX_EPOCH.checked_add(self.response_time)?,
            nominated: nominated.collect::<Option<_>>()?,
            digest: self.digest.parse().ok()?,
            length: self.length,
        };
        Some((self.url.parse().ok()?, self.final_url.clone(), response))
    }

    /// Writes the record to a file; false when its file system has no room or no such attributes.
    pub(super) fn write_to(&self, file: &File) -> io::Result<bool> {
        let json = serde_json::to_vec(self)?;
        match rustix::fs::fsetxattr(file, ATTRIBUTE, &json, XattrFlags::empty()) {
            Ok(()) => Ok(true),
            Err(
                Errno::OPNOTSUPP
                | Errno::NOSPC
                | Errno::DQUOT
                | Errno::TOOBIG
                | Errno::RANGE
                | Errno::PERM
                | Errno::ACCESS,
            ) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl BlobStore {
    /// The record in the attributes of a blob.
    pub fn recovery(&self, digest: &Sha256) -> Option<Recovery> {
        let mut json = vec![0; MAX_ATTRIBUTE];
        let length = rustix::fs::getxattr(self.path(digest), ATTRIBUTE, &mut json[..]).ok()?;
        serde_json::from_slice(json.get(..length)?).ok()
    }

    /// Appends a record to the journal, unless the blob itself has one of the same URL. Not fsynced:
    /// it is needed only when the catalog is lost as well.
    pub(crate) fn journal(&self, recovery: &Recovery) -> io::Result<()> {
        let digest = recovery.digest.parse::<Sha256>().ok();
        let known = digest.and_then(|digest| self.recovery(&digest));
        if known.is_some_and(|known| known.url == recovery.url) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(recovery)?;
        line.push(b'\n');
        let _turn = self
            .0
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(self.journal_path())?;
        file.write_all(&line)
    }

    /// The records in the journal, oldest first. A line that was cut by a crash is left out.
    pub fn journalled(&self) -> io::Result<Vec<Recovery>> {
        let file = match File::open(self.journal_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let mut records = Vec::new();
        for line in BufReader::new(file).split(b'\n') {
            records.extend(serde_json::from_slice(&line?).ok());
        }
        Ok(records)
    }

    /// Rewrites the journal with the newest record of each URL and blob, of blobs that exist.
    pub fn compact_journal(&self) -> io::Result<()> {
        let _turn = self
            .0
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut newest = HashMap::new();
        for record in self.journalled()? {
            let digest = record.digest.parse::<Sha256>();
            if digest.is_ok_and(|digest| self.path(&digest).exists()) {
                newest.insert((record.digest.clone(), record.url.clone()), record);
            }
        }
        let path = self.journal_path();
        if newest.is_empty() {
            return remove_if_there(&path);
        }
        let compacted = path.with_extension("new");
        let mut file = File::create(&compacted)?;
        for record in newest.values() {
            serde_json::to_writer(&file, record)?;
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        std::fs::rename(compacted, path)
    }

    fn journal_path(&self) -> PathBuf {
        self.root().join(JOURNAL)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn field_name(name: &str) -> Option<HeaderName> {
    name.parse().ok()
}

/// Each byte as the character of that number, so that any field value is JSON text.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// What [`text`] made a text of.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|character| u8::try_from(character).ok())
        .collect()
}

#[cfg(test)]
mod tests;
