//! The readers of a growing blob: whom to wake, how far each has come, and the bytes that are only in
//! memory because they are few or because the disk took no more.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Duration,
};

use bytes::Bytes;

/// Most bytes held in memory for readers that lag behind, once the disk takes no more.
pub(super) const TAIL: u64 = 4 << 20;
/// How long bytes in memory wait for their first reader: a request whose answer is being made.
const FIRST_READER: Duration = Duration::from_secs(5);

/// The readers of one growing blob.
#[derive(Clone, Default)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when a reader has come on or left.
    moved: Condvar,
    /// Whether bytes are in memory: readers look there only then.
    has_memory: AtomicBool,
}

#[derive(Default)]
struct State {
    slots: Vec<Option<Slot>>,
    /// Whether there ever was a reader.
    was_joined: bool,
    /// Whether the verdict is known.
    is_over: bool,
    /// Whether a byte was given to a reader.
    is_touched: bool,
    /// All bytes of a small blob.
    whole: Option<Bytes>,
    tail: Option<Tail>,
}

struct Slot {
    position: u64,
    /// The byte behind the last that is wanted.
    end: u64,
    waker: Option<Waker>,
}

/// Bytes that follow those in the file.
struct Tail {
    /// Where the file ends.
    file_end: u64,
    /// Where the bytes in memory begin.
    start: u64,
    end: u64,
    chunks: VecDeque<Bytes>,
}

/// One reader's place; it is given up when dropped.
pub(super) struct Reader {
    readers: Readers,
    slot: usize,
    is_touching: bool,
}

impl Readers {
    pub(super) fn join(&self, wanted: &Range<u64>) -> Reader {
        let mut state = self.lock();
        state.was_joined = true;
        let place = Some(Slot {
            position: wanted.start,
            end: wanted.end,
            waker: None,
        });
        let free = state.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(state.slots.len());
        match free {
            Some(free) => state.slots[free] = place,
            None => state.slots.push(place),
        }
        drop(state);
        self.0.moved.notify_all();
        Reader {
            readers: self.clone(),
            slot,
            is_touching: false,
        }
    }

    /// Wakes every reader that waits.
    pub(super) fn wake(&self) {
        let wakers: Vec<Waker> = self
            .lock()
            .slots
            .iter_mut()
            .flatten()
            .filter_map(|slot| slot.waker.take())
            .collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The verdict is known: nobody waits for a reader any more.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.0.moved.notify_all();
        self.wake();
    }

    /// Runs `forget` unless a reader was given a byte.
    pub(super) fn is_untouched(&self, forget: impl FnOnce()) -> bool {
        let state = self.lock();
        let is_untouched = !state.is_touched && state.tail.is_none();
        if is_untouched {
            forget();
        }
        is_untouched
    }

    /// Keeps all bytes of a small blob.
    pub(super) fn keep(&self, bytes: Bytes) {
        self.lock().whole = Some(bytes);
        self.0.has_memory.store(true, Ordering::Release);
    }

    pub(super) fn is_spilled(&self) -> bool {
        self.0.has_memory.load(Ordering::Acquire) && self.lock().tail.is_some()
    }

    /// Appends bytes that could not be written behind the `written` ones of the file. Waits while
    /// readers lag too far behind; `false` when no reader is left.
    pub(super) fn spill(&self, written: u64, bytes: Bytes) -> bool {
        let mut state = self.lock();
        let empty = || Tail {
            file_end: written,
            start: written,
            end: written,
            chunks: VecDeque::new(),
        };
        let tail = state.tail.get_or_insert_with(empty);
        tail.end += bytes.len() as u64;
        tail.chunks.push_back(bytes);
        self.0.has_memory.store(true, Ordering::Release);
        drop(state);
        self.wake();
        self.wait_for_readers()
    }

    fn wait_for_readers(&self) -> bool {
        let state = self.lock();
        // Nobody is left, or nobody came yet: only that is worth a wait.
        let is_alone = |state: &mut State| !state.was_joined && !state.is_over;
        let first = self
            .0
            .moved
            .wait_timeout_while(state, FIRST_READER, is_alone);
        let (state, _) = first.unwrap_or_else(PoisonError::into_inner);
        let lags = |state: &mut State| state.is_awaited() && state.trim() > TAIL;
        let caught_up = self.0.moved.wait_while(state, lags);
        caught_up
            .unwrap_or_else(PoisonError::into_inner)
            .is_awaited()
    }

    /// How many readers there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().slots.iter().flatten().count()
    }

    /// Bytes in memory that some reader still needs.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.lock().trim()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between statements that can panic: there are none.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether somebody waits for further bytes.
    fn is_awaited(&self) -> bool {
        !self.is_over && self.slots.iter().any(Option::is_some)
    }

    /// Drops what every reader has passed; how many bytes are left for the slowest.
    fn trim(&mut self) -> u64 {
        let Some(tail) = &mut self.tail else {
            return 0;
        };
        let slots = || self.slots.iter().flatten();
        let needing = || slots().filter(|slot| slot.end > tail.file_end);
        let slowest_of = |position: Option<u64>| {
            let position = position.unwrap_or(tail.end);
            position.clamp(tail.start, tail.end)
        };
        let mut slowest = slowest_of(needing().map(|slot| slot.position).min());
        if tail.end - slowest > TAIL {
            let moving = needing().filter(|slot| !slot.waits_for_verdict(tail));
            slowest = slowest_of(moving.map(|slot| slot.position).min());
        }
        tail.trim(slowest);
        tail.end - slowest
    }
}

impl Slot {
    /// Whether this reader has all it wants but a last byte that is held back. The verdict comes only
    /// after bytes behind that one, so that it cannot be waited for: it is cut off when memory is short.
    fn waits_for_verdict(&self, tail: &Tail) -> bool {
        self.end < tail.end && self.position + 1 >= self.end
    }
}

impl Tail {
    /// Drops what every reader has passed.
    fn trim(&mut self, slowest: u64) {
        while let Some(first) = self.chunks.front() {
            let end = self.start + first.len() as u64;
            if end > slowest {
                return;
            }
            self.start = end;
            self.chunks.pop_front();
        }
    }

    fn at(&self, position: u64) -> Option<Bytes> {
        let mut start = self.start;
        for chunk in &self.chunks {
            let end = start + chunk.len() as u64;
            if (start..end).contains(&position) {
                return Some(chunk.slice(usize::try_from(position - start).ok()?..));
            }
            start = end;
        }
        None
    }
}

impl Reader {
    /// Asks to be woken when something changes.
    pub(super) fn register(&self, waker: &Waker) {
        if let Some(slot) = &mut self.readers.lock().slots[self.slot] {
            slot.waker = Some(waker.clone());
        }
    }

    /// Notes that this reader is about to be given bytes; whether it was the first time.
    pub(super) fn touch(&mut self) -> bool {
        let is_first = !self.is_touching;
        if is_first {
            self.is_touching = true;
            self.readers.lock().is_touched = true;
        }
        is_first
    }

    /// Notes how far this reader has come; only of interest while bytes are in memory.
    pub(super) fn advance(&self, position: u64) {
        if self.readers.0.has_memory.load(Ordering::Acquire) {
            if let Some(slot) = &mut self.readers.lock().slots[self.slot] {
                slot.position = position;
            }
            self.readers.0.moved.notify_all();
        }
    }

    /// The bytes at `position` that are in memory.
    pub(super) fn in_memory(&self, position: u64) -> Option<Bytes> {
        if !self.readers.0.has_memory.load(Ordering::Acquire) {
            return None;
        }
        let state = self.readers.lock();
        match (&state.whole, &state.tail) {
            (Some(whole), _) => Some(whole.slice(usize::try_from(position).ok()?..)),
            (None, Some(tail)) => tail.at(position),
            (None, None) => None,
        }
    }

    /// Where the bytes in memory end, when the disk takes no more.
    pub(super) fn spilled_to(&self) -> Option<u64> {
        if !self.readers.0.has_memory.load(Ordering::Acquire) {
            return None;
        }
        self.readers.lock().tail.as_ref().map(|tail| tail.end)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.readers.lock().slots[self.slot] = None;
        self.readers.0.moved.notify_all();
    }
}
