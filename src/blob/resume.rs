//! Unfinished downloads that a later request resumes, also after a restart: a partial named by its
//! cache key, and beside it what must still hold for its bytes to be of use.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::semantics::cache_key::CacheKey;
use serde::{Deserialize, Serialize};

use super::{
    BlobStore, Partial, Recovery,
    partial::{Name, new_file},
};

/// Extension of the bytes.
pub(crate) const PART: &str = "part";
/// Extension of the identity.
pub(crate) const IDENTITY: &str = "json";

/// What the bytes of an unfinished download are the beginning of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialIdentity {
    /// The URL they came from, after redirects.
    pub url: String,
    /// The strong validator for `If-Range` (RFC 9110 §13.1.5).
    pub validator: String,
    /// Length of the whole, in bytes.
    pub total_len: Option<u64>,
    /// The response they belong to, but for its digest, which nobody knows yet.
    #[serde(default)]
    pub response: Option<Recovery>,
    /// For an upload: what was said when it was begun, in the words of whoever keeps it.
    #[serde(default)]
    pub upload: Option<serde_json::Value>,
    /// Which start of the machine wrote them: after another start, bytes that were never fsynced may
    /// be missing in the middle. Filled in by [`PartialIdentity::new`].
    pub boot_id: String,
    /// When the download began.
    pub created: SystemTime,
}

/// The two files of a resumable partial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResumableName {
    pub(crate) part: PathBuf,
    pub(crate) identity: PathBuf,
}

impl PartialIdentity {
    /// An identity for a download that begins at `created`, under this start of the machine.
    pub fn new(url: String, validator: String, created: SystemTime) -> Self {
        Self {
            url,
            validator,
            total_len: None,
            response: None,
            upload: None,
            boot_id: boot_id(),
            created,
        }
    }

    /// Whether the bytes may still be resumed: written under this start of the machine, and begun at
    /// most `keep` ago. A creation in the future is a clock that was set back: that is not old.
    pub(crate) fn is_resumable(&self, keep: Duration, now: SystemTime) -> bool {
        let age = now.duration_since(self.created).unwrap_or_default();
        !self.boot_id.is_empty() && self.boot_id == boot_id() && age <= keep
    }
}

impl ResumableName {
    pub(crate) fn of(store: &BlobStore, key: &CacheKey) -> Self {
        let path = store.temporary().join(key.0.to_string());
        Self {
            part: path.with_extension(PART),
            identity: path.with_extension(IDENTITY),
        }
    }

    /// The identity on disk, if it is there and whole.
    pub(crate) fn read_identity(&self) -> Option<PartialIdentity> {
        serde_json::from_slice(&std::fs::read(&self.identity).ok()?).ok()
    }

    pub(crate) fn remove(&self) {
        // Bytes first: an identity alone is harmless, bytes without one are swept.
        let _ = std::fs::remove_file(&self.part);
        self.remove_identity();
    }

    pub(super) fn remove_identity(&self) {
        let _ = std::fs::remove_file(&self.identity);
    }
}

impl Partial {
    /// Begins a partial that can be resumed. What an earlier download of the key left is replaced;
    /// while another one is under way this one is an ordinary partial. Blocks.
    pub fn create_resumable(
        store: &BlobStore,
        key: &CacheKey,
        identity: &PartialIdentity,
    ) -> io::Result<Self> {
        let name = ResumableName::of(store, key);
        match lock_existing(&name.part)? {
            Some(Locked::ByOther) => return Self::create(store, identity.total_len),
            Some(Locked::ByUs(_)) => name.remove(),
            None => {}
        }
        let file = match new_file(&name.part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Self::create(store, identity.total_len);
            }
            file => file?,
        };
        if file.try_lock().is_err() {
            return Self::create(store, identity.total_len);
        }
        let partial = Self::begin(
            store,
            file,
            Name::Resumable(name.clone()),
            identity.total_len,
        )?;
        std::fs::write(&name.identity, serde_json::to_vec(identity)?)?;
        Ok(partial)
    }

    /// The identity of what is unfinished under `key` and its length so far in bytes, also while it grows.
    /// Blocks.
    pub fn look(
        store: &BlobStore,
        key: &CacheKey,
        keep: Duration,
        now: SystemTime,
    ) -> Option<(PartialIdentity, u64)> {
        let name = ResumableName::of(store, key);
        let identity = name.read_identity()?;
        let length = name.part.metadata().ok()?.len();
        identity
            .is_resumable(keep, now)
            .then_some((identity, length))
    }

    /// The unfinished download of `key` with its identity and its length so far in bytes. One that is
    /// too old or from before a restart of the machine is deleted. The caller hashes the bytes again.
    pub fn reopen(
        store: &BlobStore,
        key: &CacheKey,
        keep: Duration,
        now: SystemTime,
    ) -> io::Result<Option<(Self, PartialIdentity, u64)>> {
        let name = ResumableName::of(store, key);
        let Some(Locked::ByUs(file)) = lock_existing(&name.part)? else {
            return Ok(None);
        };
        let identity = name.read_identity();
        let Some(identity) = identity.filter(|identity| identity.is_resumable(keep, now)) else {
            name.remove();
            return Ok(None);
        };
        let length = file.metadata()?.len();
        let partial = Self::begin(store, file, Name::Resumable(name), None)?;
        Ok(Some((partial, identity, length)))
    }
}

/// Who has the lock of an existing part file.
pub(crate) enum Locked {
    ByUs(File),
    ByOther,
}

/// Takes the lock that marks a download as under way.
pub(crate) fn lock_existing(path: &Path) -> io::Result<Option<Locked>> {
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Locked::ByUs(file))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(Some(Locked::ByOther)),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Which start of the machine this is; empty when the kernel does not say.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use artifact_cache_layers::digest::Sha256;

    use super::{super::tests::temporary_store, *};

    const DAY: Duration = Duration::from_hours(24);

    fn key() -> CacheKey {
        CacheKey(Sha256::of(b"key"))
    }

    fn identity() -> PartialIdentity {
        let url = "https://example.com/a".to_owned();
        PartialIdentity::new(url, "\"v1\"".to_owned(), SystemTime::now())
    }

    fn interrupted(store: &BlobStore, identity: &PartialIdentity) {
        let partial = Partial::create_resumable(store, &key(), identity).expect("partial");
        partial.write_all_at(b"first half", 0).expect("write");
        partial.keep();
    }

    fn is_empty(directory: &Path) -> bool {
        std::fs::read_dir(directory)
            .expect("directory")
            .next()
            .is_none()
    }

    #[test]
    fn a_kept_partial_is_found_again_with_its_identity_and_length() {
        let (_directory, store) = temporary_store();
        interrupted(&store, &identity());
        let reopened = Partial::reopen(&store, &key(), DAY, SystemTime::now());
        let (partial, found, length) = reopened.expect("reopen").expect("kept");
        assert_eq!((found.validator.as_str(), length), ("\"v1\"", 10));
        partial.write_all_at(b", second half", 10).expect("write");
        let digest = Sha256::of(b"first half, second half");
        partial.persist(&digest).expect("persist");
        assert_eq!(std::fs::read(store.path(&digest)).expect("blob").len(), 23);
        assert!(is_empty(store.temporary()));
    }

    #[test]
    fn an_old_partial_or_one_of_another_boot_is_deleted() {
        let now = SystemTime::now();
        let old = PartialIdentity {
            created: now - 2 * DAY,
            ..identity()
        };
        let other_boot = PartialIdentity {
            boot_id: "other".into(),
            ..identity()
        };
        let unknown_boot = PartialIdentity {
            boot_id: String::new(),
            ..identity()
        };
        for identity in [old, other_boot, unknown_boot] {
            let (_directory, store) = temporary_store();
            interrupted(&store, &identity);
            assert!(
                Partial::reopen(&store, &key(), DAY, now)
                    .expect("reopen")
                    .is_none()
            );
            assert!(is_empty(store.temporary()));
        }
    }

    #[test]
    fn a_download_under_way_is_neither_resumed_nor_disturbed_by_another() {
        let (_directory, store) = temporary_store();
        let first = Partial::create_resumable(&store, &key(), &identity()).expect("partial");
        first.write_all_at(b"first", 0).expect("write");
        let reopened = Partial::reopen(&store, &key(), DAY, SystemTime::now()).expect("reopen");
        assert!(reopened.is_none());
        let second = Partial::create_resumable(&store, &key(), &identity()).expect("partial");
        assert!(matches!(second.name, Name::Nameless | Name::Unique(_)));
        drop(second);
        first.persist(&Sha256::of(b"first")).expect("persist");
    }

    #[test]
    fn an_aborted_download_leaves_neither_bytes_nor_identity() {
        let (_directory, store) = temporary_store();
        drop(Partial::create_resumable(&store, &key(), &identity()).expect("partial"));
        assert!(is_empty(store.temporary()));
    }
}
