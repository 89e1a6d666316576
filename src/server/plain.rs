//! `Plain`: any byte stream as hyper's I/O, with the deadline for clients that take no bytes. It knows
//! nothing of files: what goes through it is bytes in memory, encrypted ones for example.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::{interim::Interims, stall::Stall};

/// A byte stream whose writes may not stall for longer than a limit.
pub(super) struct Plain<I> {
    io: I,
    stall: Stall,
    /// What goes out before a final response, where hyper does not see to it.
    interims: Option<Arc<Interims>>,
}

impl<I> Plain<I> {
    pub(super) fn new(io: I, write_timeout: Duration) -> Self {
        Self {
            io,
            stall: Stall::new(write_timeout),
            interims: None,
        }
    }

    /// Writes these whenever hyper has nothing left to write.
    pub(super) fn with_interims(mut self, interims: Arc<Interims>) -> Self {
        self.interims = Some(interims);
        self
    }

    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall.progress();
            return outcome;
        }
        self.stall
            .poll_expired(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: Read + Unpin> Read for Plain<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: Write + Unpin> Write for Plain<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.bounded(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.bounded(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, interims, .. } = &mut *self;
        let written = interims.as_ref().map_or(Poll::Ready(Ok(())), |interims| {
            interims.poll_write(cx, |cx, bytes| Pin::new(&mut *io).poll_write(cx, bytes))
        });
        let outcome = match written {
            Poll::Ready(Ok(())) => Pin::new(io).poll_flush(cx),
            not_yet => not_yet,
        };
        self.bounded(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(cx);
        self.bounded(cx, outcome)
    }
}
