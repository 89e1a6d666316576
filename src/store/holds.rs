//! Who works with a digest: any number of commits, or one removal. Held from before the file gets (or
//! loses) its name until the catalog has said the same.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use artifact_cache_layers::digest::Sha256;

/// The holds of one store; clones share them.
#[derive(Clone, Default)]
pub(super) struct Holds(Arc<Shared>);

#[derive(Default)]
struct Shared {
    held: Mutex<HashMap<Sha256, Held>>,
    released: Condvar,
}

enum Held {
    ByCommits(usize),
    ByRemoval,
}

/// A hold; dropping it lets go.
pub(super) struct Hold {
    holds: Holds,
    digest: Sha256,
}

impl Holds {
    /// Holds a digest for a commit; waits while it is being removed.
    pub(super) fn for_commit(&self, digest: Sha256) -> Hold {
        let mut held = self.lock();
        loop {
            match held.entry(digest).or_insert(Held::ByCommits(0)) {
                Held::ByCommits(count) => {
                    *count += 1;
                    return self.hold(digest);
                }
                Held::ByRemoval => {
                    let woken = self.0.released.wait(held);
                    held = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Holds a digest for its removal, unless anybody holds it.
    pub(super) fn for_removal(&self, digest: Sha256) -> Option<Hold> {
        let mut held = self.lock();
        if held.contains_key(&digest) {
            return None;
        }
        held.insert(digest, Held::ByRemoval);
        Some(self.hold(digest))
    }

    /// Holds a digest for its removal; waits while anybody holds it.
    pub(super) fn wait_for_removal(&self, digest: Sha256) -> Hold {
        let mut held = self.lock();
        while held.contains_key(&digest) {
            let woken = self.0.released.wait(held);
            held = woken.unwrap_or_else(PoisonError::into_inner);
        }
        held.insert(digest, Held::ByRemoval);
        self.hold(digest)
    }

    fn hold(&self, digest: Sha256) -> Hold {
        Hold {
            holds: self.clone(),
            digest,
        }
    }

    /// The map is whole between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<Sha256, Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// The digest that is held.
    pub(super) fn digest(&self) -> Sha256 {
        self.digest
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.lock();
        match held.get_mut(&self.digest) {
            Some(Held::ByCommits(count)) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.digest);
                self.holds.0.released.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_share_a_digest_and_keep_removal_out() {
        let holds = Holds::default();
        let digest = Sha256::of(b"x");
        let (first, second) = (holds.for_commit(digest), holds.for_commit(digest));
        drop(first);
        assert!(holds.for_removal(digest).is_none());
        drop(second);
        assert!(holds.for_removal(digest).is_some());
        assert!(holds.lock().is_empty());
    }

    #[test]
    fn a_commit_waits_for_the_removal_to_end() {
        let holds = Holds::default();
        let digest = Sha256::of(b"x");
        let removal = holds.for_removal(digest).expect("free");
        assert!(holds.for_removal(digest).is_none());
        let (sender, committed) = std::sync::mpsc::channel();
        let waiting = holds.clone();
        let thread = std::thread::spawn(move || {
            let _hold = waiting.for_commit(digest);
            sender.send(()).expect("sent");
        });
        assert!(committed.try_recv().is_err());
        drop(removal);
        committed.recv().expect("committed");
        thread.join().expect("joined");
    }
}
