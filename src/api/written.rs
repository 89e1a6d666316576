//! Response bodies that a thread which may block writes, at the pace of whoever reads.

use std::{
    future::Future as _,
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
};

use artifact_cache_layers::body::{Body, BoxError};
use bytes::Bytes;
use http_body::Frame;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

/// Pieces that wait for the client at most.
const QUEUE: usize = 4;
/// Bytes of one piece.
const PIECE: usize = 256 << 10;

/// Where the thread writes. Every write fails once the client has left.
pub(super) struct Sink {
    to: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
}

/// The body. Dropping it ends the thread at its next write.
struct Written {
    from: mpsc::Receiver<Bytes>,
    done: JoinHandle<Result<(), BoxError>>,
    is_over: bool,
}

/// The body that `work` writes. A failure of it breaks the body off.
pub(super) fn body(work: impl FnOnce(&mut Sink) -> Result<(), BoxError> + Send + 'static) -> Body {
    Body::stream(Written::start(work))
}

impl Written {
    fn start(work: impl FnOnce(&mut Sink) -> Result<(), BoxError> + Send + 'static) -> Self {
        let (to, from) = mpsc::channel(QUEUE);
        let buffer = Vec::new();
        let mut sink = Sink { to, buffer };
        let done = spawn_blocking(move || {
            work(&mut sink)?;
            Ok(sink.flush()?)
        });
        Self {
            from,
            done,
            is_over: false,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = self.to.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl http_body::Body for Written {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        if let Some(piece) = std::task::ready!(this.from.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let done = std::task::ready!(Pin::new(&mut this.done).poll(cx));
        this.is_over = true;
        match done.map_err(BoxError::from).flatten() {
            Ok(()) => Poll::Ready(None),
            // A body that is cut must not look complete.
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_a_thread_writes_arrives_whole_and_in_order() {
        let written = body(|sink| {
            for number in 0..100_000_u32 {
                sink.write_all(&number.to_le_bytes())?;
            }
            Ok(())
        });
        let bytes = written.collect().await.expect("read").to_bytes();
        let expected: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        assert!(bytes == expected);
    }

    #[tokio::test]
    async fn a_failure_breaks_the_body_off() {
        let written = body(|sink| {
            sink.write_all(b"half")?;
            Err("the disk failed".into())
        });
        assert!(written.collect().await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_leaves_ends_the_thread() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let written = body(move |sink| {
            let failed = std::iter::repeat(()).find_map(|()| sink.write_all(&[0; 4096]).err());
            let _ = ended.send(failed.map(|error| error.kind()));
            Ok(())
        });
        drop(written);
        let left = Some(io::ErrorKind::BrokenPipe);
        assert_eq!(end.await.expect("ended"), left);
    }
}
