//! `Data`: a piece of a response body as hyper carries it: bytes, or a window of a file.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::{address_range::AddressRange, wire::Wire};

/// One data frame of a response on a connection that can send files.
pub(in crate::server) enum Data {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file.
    Window(Window),
}

/// A window of a file, queued on a connection. It owns no bytes: its slice is an address that only the
/// socket of the same connection understands. The file stays open until the window is dropped, which
/// hyper does after its last byte was written.
pub(in crate::server) struct Window {
    wire: Arc<Wire>,
    range: AddressRange,
    slot: usize,
    written: usize,
    length: usize,
}

impl Window {
    pub(super) fn new(wire: Arc<Wire>, range: AddressRange, slot: usize, length: usize) -> Self {
        Self {
            wire,
            range,
            slot,
            written: 0,
            length,
        }
    }

    #[cfg(test)]
    pub(super) fn range(&self) -> AddressRange {
        self.range
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.wire.release(self.slot);
    }
}

impl Buf for Window {
    fn remaining(&self) -> usize {
        self.length - self.written
    }

    fn chunk(&self) -> &[u8] {
        self.range.slice(self.slot, self.written, self.remaining())
    }

    fn advance(&mut self, count: usize) {
        assert!(
            count <= self.remaining(),
            "advanced past the end of a file window"
        );
        self.written += count;
    }
}

impl Buf for Data {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::Window(window) => window.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::Window(window) => window.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::Window(window) => window.advance(count),
        }
    }
}
