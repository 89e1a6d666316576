//! [`Misses`]: what was asked for while no origin might be asked, and was not stored. A bounded list in
//! memory, so that an operator can fetch exactly that elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use artifact_cache_layers::digest::Sha256;

/// Most things that are listed.
pub const MAX_MISSES: usize = 10_000;

/// Bytes of all URLs that are listed.
const MAX_BYTES: usize = 16 << 20;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The method; `CONNECT` for a tunnel.
    pub method: String,
    /// The URL, or host and port of a tunnel.
    pub url: String,
    /// The digest that was wanted.
    pub expect: Option<Sha256>,
}

/// One thing that was asked for, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// Its place in the list: larger for what was asked for first later.
    pub number: u64,
    /// What.
    pub wanted: Wanted,
    /// How often an origin would have been asked for it.
    pub count: u64,
    /// When first.
    pub first: SystemTime,
    /// When last.
    pub last: SystemTime,
}

/// The list. What does not fit any more is only counted.
#[derive(Debug, Default)]
pub struct Misses(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    last_number: u64,
    bytes: usize,
    unlisted: u64,
    numbers: HashMap<Wanted, u64>,
    misses: BTreeMap<u64, Miss>,
}

impl Misses {
    /// Something was asked for in vain.
    pub fn note(&self, wanted: Wanted, now: SystemTime) {
        self.lock().note(wanted, now);
    }

    /// At most `limit` things behind the one with the number `after`, in the order in which they were asked
    /// for first.
    #[must_use]
    pub fn list(&self, after: u64, limit: usize) -> Vec<Miss> {
        let list = self.lock();
        let behind = list.misses.range(after.saturating_add(1)..);
        behind.take(limit).map(|(_, miss)| miss.clone()).collect()
    }

    /// How often something was asked for that did not fit into the list.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.lock().unlisted
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut list = self.lock();
        // Numbers go on, so that a cursor of before shows nothing twice.
        let last_number = list.last_number;
        *list = List {
            last_number,
            ..List::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn note(&mut self, wanted: Wanted, now: SystemTime) {
        let known = self.numbers.get(&wanted);
        if let Some(miss) = known.and_then(|number| self.misses.get_mut(number)) {
            (miss.count, miss.last) = (miss.count + 1, now);
            return;
        }
        let bytes = self.bytes + wanted.url.len();
        if self.misses.len() >= MAX_MISSES || bytes > MAX_BYTES {
            self.unlisted += 1;
            return;
        }
        self.bytes = bytes;
        self.last_number += 1;
        let number = self.last_number;
        self.numbers.insert(wanted.clone(), number);
        let miss = Miss {
            number,
            wanted,
            count: 1,
            first: now,
            last: now,
        };
        self.misses.insert(number, miss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(url: String) -> Wanted {
        Wanted {
            method: "GET".into(),
            url,
            expect: None,
        }
    }

    #[test]
    fn what_is_asked_for_again_is_counted_and_listed_once() {
        let misses = Misses::default();
        for url in ["a", "b", "a", "a"] {
            misses.note(wanted(url.into()), SystemTime::UNIX_EPOCH);
        }
        let counts: Vec<_> = misses.list(0, 10).iter().map(|miss| miss.count).collect();
        assert_eq!(counts, [3, 1]);
        assert_eq!(misses.list(1, 10).len(), 1);
        misses.clear();
        misses.note(wanted("a".into()), SystemTime::UNIX_EPOCH);
        assert_eq!(misses.list(2, 10)[0].count, 1);
    }

    #[test]
    fn the_list_is_bounded_in_number_and_in_bytes() {
        let misses = Misses::default();
        for n in 0..=MAX_MISSES {
            misses.note(wanted(n.to_string()), SystemTime::UNIX_EPOCH);
        }
        assert_eq!(misses.list(0, usize::MAX).len(), MAX_MISSES);
        assert_eq!(misses.unlisted(), 1);
        misses.clear();
        for n in 0..3 {
            misses.note(
                wanted(n.to_string().repeat(MAX_BYTES / 2)),
                SystemTime::UNIX_EPOCH,
            );
        }
        assert_eq!((misses.list(0, 9).len(), misses.unlisted()), (2, 1));
    }
}
