//! `Wire`: what the response body and the socket of one connection know of each other.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use artifact_cache_layers::body::{Body, FileRegion};
use http::{Response, header::CONTENT_LENGTH};

use super::{
    ResponseBody, WINDOW_BYTES,
    address_range::{AddressRange, SLOTS},
    data::Window,
};
use crate::server::interim::Interims;

/// The file windows that are queued on a connection, and whether a response is on its way.
///
/// The lock is the connection's own: both halves run in the same task and never meet there.
pub(in crate::server) struct Wire {
    range: Option<AddressRange>,
    slots: Mutex<[Option<Slot>; SLOTS]>,
    progress: AtomicU8,
    interims: Arc<Interims>,
}

/// The file bytes that a slot's window stands for.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// No response body is on its way.
const IDLE: u8 = 0;
/// A response body has begun.
const SENDING: u8 = 1;
/// The response body gave out its last byte, which may still be queued.
const ENDED: u8 = 2;
/// The connection became a tunnel that has not been closed by us.
const TUNNEL: u8 = 3;

/// More windows are queued than hyper's queue can hold.
#[derive(Debug, thiserror::Error)]
#[error("too many file windows are queued on a connection")]
pub(super) struct NoFreeSlot;

impl Wire {
    /// A connection without anything queued. Without `sendfile`, or where the addresses cannot be
    /// had, every body leaves as bytes.
    pub(in crate::server) fn new(sendfile: bool) -> Self {
        Self {
            range: sendfile.then(AddressRange::reserved).flatten(),
            slots: Mutex::new([const { None }; SLOTS]),
            progress: AtomicU8::new(IDLE),
            interims: Arc::default(),
        }
    }

    /// The interim responses of this connection.
    pub(in crate::server) fn interims(&self) -> &Arc<Interims> {
        &self.interims
    }

    /// Puts the body of `response` on this connection.
    pub(in crate::server) fn carry(
        self: Arc<Self>,
        response: Response<Body>,
    ) -> Response<ResponseBody> {
        let declared = response.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
        response.map(|body| ResponseBody::new(body, declared, self))
    }

    /// Whether file windows can be sent.
    pub(super) fn takes_windows(&self) -> bool {
        self.range.is_some()
    }

    /// Makes room for a window: `region` is at most [`WINDOW_BYTES`] long.
    pub(super) fn queue(self: &Arc<Self>, region: FileRegion) -> Result<Window, NoFreeSlot> {
        let range = self.range.ok_or(NoFreeSlot)?;
        let length = usize::try_from(region.len)
            .unwrap_or(usize::MAX)
            .min(WINDOW_BYTES);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.iter().position(Option::is_none).ok_or(NoFreeSlot)?;
        slots[slot] = Some(Slot {
            file: region.file,
            offset: region.offset,
            length,
        });
        Ok(Window::new(Arc::clone(self), range, slot, length))
    }

    /// Called when hyper is done with a window: its bytes were sent, or never will be.
    pub(super) fn release(&self, slot: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots[slot] = None;
    }

    /// The file bytes that `slice` stands for; `None` for bytes in memory.
    ///
    /// # Errors
    /// When it is an address of the range but not of a queued window.
    pub(super) fn file_bytes(&self, slice: &[u8]) -> io::Result<Option<Slot>> {
        if slice.is_empty() {
            return Ok(None);
        }
        let Some((slot, start)) = self.range.and_then(|range| range.locate(slice)) else {
            return Ok(None);
        };
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match &slots[slot] {
            Some(queued) if start + slice.len() <= queued.length => Ok(Some(Slot {
                file: Arc::clone(&queued.file),
                offset: queued.offset + start as u64,
                length: slice.len(),
            })),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The first byte of a response body is asked for.
    pub(super) fn begin(&self) {
        // Both halves run in one task: no other memory is ordered by this value.
        self.progress.store(SENDING, Ordering::Relaxed);
    }

    /// The last byte of the response body was given out.
    pub(super) fn end(&self) {
        self.progress.store(ENDED, Ordering::Relaxed);
    }

    /// Everything that was queued has been written.
    pub(super) fn flushed(&self) {
        let (ended, idle, relaxed) = (ENDED, IDLE, Ordering::Relaxed);
        let _ = self
            .progress
            .compare_exchange(ended, idle, relaxed, relaxed);
    }

    /// From here on the connection is no longer HTTP.
    pub(in crate::server) fn tunnel(&self) {
        self.progress.store(TUNNEL, Ordering::Relaxed);
    }

    /// Our side means to say that nothing more will come; whether that is true.
    pub(super) fn may_shut_down(&self) -> bool {
        let (tunnel, idle, relaxed) = (TUNNEL, IDLE, Ordering::Relaxed);
        let _ = self
            .progress
            .compare_exchange(tunnel, idle, relaxed, relaxed);
        !self.is_unfinished()
    }

    /// Whether a response body began and has not been written to its end, or a tunnel did.
    pub(super) fn is_unfinished(&self) -> bool {
        self.progress.load(Ordering::Relaxed) != IDLE
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf as _;

    use super::*;

    fn region(len: u64) -> FileRegion {
        let file = Arc::new(File::open("/dev/null").unwrap());
        FileRegion {
            file,
            offset: 100,
            len,
        }
    }

    #[test]
    fn a_window_is_found_by_address_also_after_a_partial_write() {
        let wire = Arc::new(Wire::new(true));
        let _other = wire.queue(region(9)).unwrap();
        let mut window = wire.queue(region(50)).unwrap();
        window.advance(20);
        let found = wire.file_bytes(window.chunk()).unwrap().unwrap();
        assert_eq!((found.offset, found.length), (120, 30));
    }

    #[test]
    fn a_window_that_was_released_is_refused_and_never_sent() {
        let wire = Arc::new(Wire::new(true));
        let window = wire.queue(region(50)).unwrap();
        let slice: &'static [u8] = window.range().slice(0, 0, 50);
        assert!(wire.file_bytes(slice).unwrap().is_some());
        drop(window);
        assert!(wire.file_bytes(slice).is_err());
    }

    #[test]
    fn the_windows_of_another_connection_are_unknown() {
        let (wire, other) = (Arc::new(Wire::new(true)), Arc::new(Wire::new(true)));
        let window = wire.queue(region(50)).unwrap();
        assert!(other.file_bytes(window.chunk()).is_err());
    }

    #[test]
    fn a_full_table_is_an_error_and_a_released_slot_is_used_again() {
        let wire = Arc::new(Wire::new(true));
        let mut windows: Vec<_> = (0..SLOTS).map(|_| wire.queue(region(1)).unwrap()).collect();
        assert!(wire.queue(region(1)).is_err());
        windows.remove(5);
        assert!(wire.queue(region(1)).is_ok());
    }
}
