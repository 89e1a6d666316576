//! `Socket`: the plain TCP connection under hyper. Slices of file windows leave by `sendfile(2)`, all
//! others as they are.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::{
    fs::sendfile,
    io::retry_on_intr,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};
use tokio::{io::Interest, net::TcpStream};

use super::{
    WINDOW_BYTES,
    wire::{Slot, Wire},
};
use crate::server::stall::Stall;

/// A client's connection. When it is dropped in the middle of a response or of a tunnel it is reset: a
/// client that counts no bytes would take an orderly close for the end of the body.
pub(in crate::server) struct Socket {
    stream: TokioIo<TcpStream>,
    wire: Arc<Wire>,
    stall: Stall,
    /// Bytes written since the task last gave others a turn.
    burst: usize,
}

/// A stored file ended before the bytes that were promised from it.
#[derive(Debug, thiserror::Error)]
#[error("a stored file is shorter than its response promised")]
struct FileTooShort;

impl Socket {
    pub(in crate::server) fn new(
        stream: TcpStream,
        wire: Arc<Wire>,
        write_timeout: Duration,
    ) -> Self {
        Self {
            stream: TokioIo::new(stream),
            wire,
            stall: Stall::new(write_timeout),
            burst: 0,
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.burst >= WINDOW_BYTES {
            self.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Poll::Ready(sent) = self.poll_send_ready(cx, slices) else {
            self.burst = 0;
            let expired = self.stall.poll_expired(cx);
            return expired.map(|()| Err(io::ErrorKind::TimedOut.into()));
        };
        self.stall.progress();
        self.burst += sent.as_ref().map_or(0, |sent| *sent);
        Poll::Ready(sent)
    }

    fn poll_send_ready(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.stream.inner();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_io(Interest::WRITABLE, || self.send(slices)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Sends until the socket is full, all is sent, or a window's worth is. An error after the first
    /// byte is left for the next call to meet again.
    fn send(&self, mut slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(first) = slices.first()
            && sent < WINDOW_BYTES
        {
            let (taken, wanted, outcome) = match self.wire.file_bytes(first)? {
                Some(bytes) => (1, bytes.length, self.send_file(&bytes)),
                None => self.send_memory(slices),
            };
            match outcome {
                Ok(count) => sent += count,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
            if outcome.is_ok_and(|count| count < wanted) {
                break;
            }
            slices = &slices[taken..];
        }
        Ok(sent)
    }

    fn send_file(&self, bytes: &Slot) -> io::Result<usize> {
        let mut offset = bytes.offset;
        let stream = self.stream.inner();
        match retry_on_intr(|| sendfile(stream, &bytes.file, Some(&mut offset), bytes.length))? {
            0 if bytes.length > 0 => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, FileTooShort))
            }
            sent => Ok(sent),
        }
    }

    /// Sends the slices in memory up to the next file window: how many they are, their bytes, and what
    /// came of it. With a window behind them the kernel waits for its bytes (`MSG_MORE`), so that a
    /// head and the start of its body share a packet.
    fn send_memory(&self, slices: &[IoSlice<'_>]) -> (usize, usize, io::Result<usize>) {
        let is_memory = |slice: &&IoSlice<'_>| matches!(self.wire.file_bytes(slice), Ok(None));
        let run = &slices[..slices.iter().take_while(is_memory).count()];
        let wanted = run.iter().map(|slice| slice.len()).sum();
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, run.len() < slices.len());
        let stream = self.stream.inner();
        let sent =
            retry_on_intr(|| sendmsg(stream, run, &mut SendAncillaryBuffer::default(), flags));
        (run.len(), wanted, sent.map_err(Into::into))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.wire.is_unfinished() {
            // It fails only on a connection that the client reset first.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper flushes only when everything that it queued has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.flushed();
        let interims = Arc::clone(self.wire.interims());
        interims.poll_write(cx, |cx, bytes| self.poll_send(cx, &[IoSlice::new(bytes)]))
    }

    /// An orderly close would make a response that stopped short look complete: it is reset instead.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.wire.may_shut_down() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
