//! [`Places`]: how many requests are under way. Nobody ever waits for a place, so a number is enough.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// So many places, shared by all services of a layer.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: AtomicUsize,
}

/// A place taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: AtomicUsize::new(0),
        })
    }

    /// Takes a place if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        // The number stands for nothing else in memory, so no order is needed.
        let relaxed = Ordering::Relaxed;
        let more = |taken| (taken < self.most).then_some(taken + 1);
        let is_free = self.taken.fetch_update(relaxed, relaxed, more).is_ok();
        is_free.then(|| Place(Arc::clone(self)))
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_never_take_more_places_than_there_are() {
        let places = Places::new(3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let place = places.take();
                        assert!(places.taken() <= 3);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!(places.taken(), 0);
    }
}
