//! [`UnderWay`]: the downloads under way, for whoever wants to look at them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use artifact_cache_layers::semantics::target_uri::TargetUri;

use crate::blob::follow::Growing;

/// The downloads under way, in the order of their beginning. Clones share them.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    last: u64,
    fills: BTreeMap<u64, Entry>,
}

struct Entry {
    url: String,
    started: Instant,
    before: u64,
    growing: Weak<Growing>,
}

/// A download under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its number; greater is later.
    pub number: u64,
    /// What is downloaded.
    pub url: String,
    /// Bytes that are there.
    pub written: u64,
    /// Bytes that were there before it began, of an earlier try.
    pub before: u64,
    /// Bytes of the whole, if that is known.
    pub length: Option<u64>,
    /// How long it has been under way.
    pub duration: Duration,
}

/// Takes a download off the list when it is dropped.
pub(super) struct Listed {
    under_way: UnderWay,
    number: u64,
}

impl UnderWay {
    /// Every download.
    #[must_use]
    pub fn all(&self) -> Vec<Progress> {
        let entries = self.lock();
        let fills = entries.fills.iter().filter_map(|(number, entry)| {
            let growing = entry.growing.upgrade()?;
            Some(Progress {
                number: *number,
                url: entry.url.clone(),
                written: growing.written(),
                before: entry.before,
                length: growing.length(),
                duration: entry.started.elapsed(),
            })
        });
        fills.collect()
    }

    pub(super) fn list(&self, uri: &TargetUri, growing: &Arc<Growing>) -> Listed {
        let mut entries = self.lock();
        entries.last += 1;
        let number = entries.last;
        let entry = Entry {
            url: uri.as_str().to_owned(),
            started: Instant::now(),
            before: growing.written(),
            growing: Arc::downgrade(growing),
        };
        entries.fills.insert(number, entry);
        let under_way = self.clone();
        Listed { under_way, number }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.under_way.lock().fills.remove(&self.number);
    }
}
