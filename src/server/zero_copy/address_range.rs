//! `AddressRange`: addresses that stand for file windows and have no memory behind them.

use std::{io, ptr, slice, sync::OnceLock};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::WINDOW_BYTES;

/// Windows that one connection can have queued at once. hyper queues at most 16 buffers and asks for
/// the next frame only below that, so half of these are never in use.
pub(super) const SLOTS: usize = 32;

/// A reserved range of [`SLOTS`] × [`WINDOW_BYTES`] addresses, never mapped to memory and never
/// released. One serves the whole process: what an address means is known to each connection alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressRange {
    base: usize,
}

impl AddressRange {
    /// The range, reserved at the first call; `None` when the process may not have the addresses, and
    /// file windows cannot be used then.
    pub(super) fn reserved() -> Option<Self> {
        static RANGE: OnceLock<Option<AddressRange>> = OnceLock::new();
        *RANGE.get_or_init(|| Self::reserve().ok())
    }

    fn reserve() -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let length = SLOTS * WINDOW_BYTES;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory that
        // anything else uses. It is never unmapped.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::empty(), flags) }?;
        Ok(Self {
            base: base.expose_provenance(),
        })
    }

    /// The slice that stands for `length` bytes from `start` within the window of `slot`.
    pub(super) fn slice(self, slot: usize, start: usize, length: usize) -> &'static [u8] {
        assert!(slot < SLOTS && start <= WINDOW_BYTES && length <= WINDOW_BYTES - start);
        let address = self.base + slot * WINDOW_BYTES + start;
        // SAFETY: the addresses lie within one mapping that lives as long as the process and is never
        // written, they are not null, `u8` has no alignment, and the assertion bounds the length.
        // Pages without access make any read of them a crash, never wrong bytes; nobody reads them:
        // the slice goes into `IoSlice`s only, whose address `Socket` compares and never follows, and
        // the compiler reads a slice of unknown length only where the program does.
        unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(address), length) }
    }

    /// The slot and the position in its window that `slice` stands for, if it stands for one.
    pub(super) fn locate(self, slice: &[u8]) -> Option<(usize, usize)> {
        let distance = slice.as_ptr().addr().checked_sub(self.base)?;
        (distance < SLOTS * WINDOW_BYTES)
            .then_some((distance / WINDOW_BYTES, distance % WINDOW_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_slot_and_position() {
        let range = AddressRange::reserved().unwrap();
        for (slot, start) in [(0, 0), (0, WINDOW_BYTES - 1), (7, 12_345), (SLOTS - 1, 1)] {
            assert_eq!(
                range.locate(range.slice(slot, start, 1)),
                Some((slot, start))
            );
        }
    }

    #[test]
    fn ordinary_memory_is_not_in_the_range() {
        let range = AddressRange::reserved().unwrap();
        assert_eq!(range.locate(b"ordinary"), None);
        assert_eq!(range.locate(vec![0; 64].as_slice()), None);
    }

    #[test]
    #[should_panic(expected = "slot < SLOTS")]
    fn a_slice_never_leaves_its_window() {
        AddressRange::reserved().unwrap().slice(0, 1, WINDOW_BYTES);
    }
}
