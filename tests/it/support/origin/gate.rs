//! A gate in a response: the test decides how many bytes may pass, so that no test needs to sleep.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use crate::support::eventually;

/// Shared by the test and by every response that was given it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    allowance: u64,
    passed: u64,
    waiting: usize,
}

impl Gate {
    /// A gate through which nothing passes yet.
    pub(crate) fn closed() -> Self {
        Self::default()
    }

    /// Lets `bytes` more pass. A gate before a head counts one byte a head.
    pub(crate) fn release(&self, bytes: u64) {
        self.change(|state| state.allowance += bytes);
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.change(|state| state.is_open = true);
    }

    /// How many bytes have passed.
    pub(crate) fn passed(&self) -> u64 {
        self.0.0.lock().unwrap().passed
    }

    /// Waits until `responses` of them stand before the gate, having sent all that was released.
    #[track_caller]
    pub(crate) fn wait_until_reached_by(&self, responses: usize) {
        eventually("the gate is reached", || {
            let state = self.0.0.lock().unwrap();
            state.waiting >= responses && state.allowance == 0
        });
    }

    /// Blocks until at least one byte may pass and takes up to `wanted`; 0 once `is_stopped`.
    pub(super) fn pass(&self, wanted: u64, is_stopped: impl Fn() -> bool) -> u64 {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.waiting += 1;
        while !state.is_open && state.allowance == 0 && !is_stopped() {
            // Woken by the test; the time-out only looks at `is_stopped` again.
            let tick = Duration::from_millis(20);
            state = changed.wait_timeout(state, tick).unwrap().0;
        }
        state.waiting -= 1;
        if state.is_open {
            state.passed += wanted;
            return wanted;
        }
        let taken = wanted.min(state.allowance);
        state.allowance -= taken;
        state.passed += taken;
        taken
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }
}
