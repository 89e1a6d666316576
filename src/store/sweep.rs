//! Cleaning up at the start: temporary files of earlier processes go, except downloads that can still
//! be resumed. The blobs are not looked at, so the time does not grow with the store.

use std::{
    io,
    time::{Duration, SystemTime},
};

use crate::blob::BlobStore;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files removed.
    pub removed: u64,
    /// Bytes they had.
    pub removed_bytes: u64,
    /// Downloads kept to be resumed.
    pub resumable: u64,
}

/// Removes stray temporary files; `keep` is how long a download may be resumed. Blocks.
pub fn sweep(blobs: &BlobStore, keep: Duration, now: SystemTime) -> io::Result<Swept> {
    let leftovers = blobs.leftovers(keep, now)?;
    let swept = Swept {
        removed: leftovers.remove_stray()?,
        removed_bytes: leftovers.stray_bytes,
        resumable: leftovers.resumable,
    };
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

    use super::*;
    use crate::blob::{Partial, PartialIdentity, tests::temporary_store};

    const DAY: Duration = Duration::from_hours(24);

    fn identity(created: SystemTime) -> PartialIdentity {
        PartialIdentity::new("https://example.com/".into(), "\"v\"".into(), created)
    }

    fn interrupted(store: &BlobStore, name: &[u8], created: SystemTime) -> CacheKey {
        let key = CacheKey(Sha256::of(name));
        let partial = Partial::create_resumable(store, &key, &identity(created));
        let partial = partial.expect("partial");
        partial.write_all_at(b"part", 0).expect("write");
        partial.keep();
        key
    }

    #[test]
    fn what_can_be_resumed_stays_and_everything_else_of_ours_goes() {
        let (_directory, store) = temporary_store();
        let now = SystemTime::now();
        let fresh = interrupted(&store, b"fresh", now);
        interrupted(&store, b"old", now - 2 * DAY);
        let alone = Sha256::of(b"identity alone");
        for stray in [format!("{alone}.json"), "17-3.unfinished".into()] {
            std::fs::write(store.temporary().join(stray), b"x").expect("stray");
        }
        let foreign = store.temporary().join("somebody's notes.json");
        std::fs::write(&foreign, b"{}").expect("foreign");
        let swept = sweep(&store, DAY, now).expect("swept");
        assert_eq!((swept.removed, swept.resumable), (4, 1));
        assert!(foreign.exists());
        let reopened = Partial::reopen(&store, &fresh, DAY, now).expect("reopen");
        assert!(reopened.is_some());
    }

    #[test]
    fn a_download_under_way_is_left_alone() {
        let (_directory, store) = temporary_store();
        let now = SystemTime::now();
        let key = CacheKey(Sha256::of(b"active"));
        let partial = Partial::create_resumable(&store, &key, &identity(now - 2 * DAY));
        let partial = partial.expect("partial");
        assert_eq!(sweep(&store, DAY, now).expect("swept"), Swept::default());
        partial.write_all_at(b"whole", 0).expect("write");
        partial.persist(&Sha256::of(b"whole")).expect("persist");
    }
}
