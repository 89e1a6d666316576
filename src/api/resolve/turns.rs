//! One at a time for each digest: the second waits for the first, and finds what that brought.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artifact_cache_layers::digest::Sha256;
use tokio::sync::OwnedMutexGuard;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The digests that somebody works at. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Sha256, Queue>>>);

/// A turn; dropping it lets the next one come.
pub(super) struct Turn {
    turns: Turns,
    digest: Sha256,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn. Giving up the wait is safe.
    pub(super) async fn take(&self, digest: Sha256) -> Turn {
        let queue = self.lock().entry(digest).or_default().clone();
        // Made before the wait, so that whoever gives up still tidies.
        let mut turn = Turn {
            turns: self.clone(),
            digest,
            held: None,
        };
        turn.held = Some(queue.lock_owned().await);
        turn
    }

    /// Each use is one map operation that does not panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<Sha256, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut queues = self.turns.lock();
        // Only the map has it: nobody waits, and who comes now waits for this lock.
        if queues
            .get(&self.digest)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_one_by_one_and_leave_nothing() {
        let turns = Turns::default();
        let digest = Sha256::of(b"x");
        let first = turns.take(digest).await;
        let second = turns.clone();
        let mut waiting = Box::pin(second.take(digest));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        let given_up = turns.clone();
        {
            let mut given_up = Box::pin(given_up.take(digest));
            assert!(given_up.as_mut().poll(&mut context).is_pending());
        }
        drop(first);
        drop(waiting.await);
        assert!(turns.lock().is_empty());
    }
}
