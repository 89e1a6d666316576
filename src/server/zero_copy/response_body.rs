//! `ResponseBody`: the stack's body on a connection that can send files.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::body::{Body, BoxError, FileRegion, Payload};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::{WINDOW_BYTES, data::Data, residency, wire::Wire};

/// Cuts file regions into windows, brings cold ones into the page cache first, and tells the
/// connection when the body began and ended.
pub(in crate::server) struct ResponseBody {
    body: Body,
    wire: Arc<Wire>,
    /// Bytes still owed to the client, where the head says how many.
    owed: Option<u64>,
    /// What is left of the region that was given out last.
    rest: Option<FileRegion>,
    warming: Option<Warming>,
}

/// A window on its way into the page cache.
struct Warming {
    window: FileRegion,
    read: JoinHandle<io::Result<()>>,
}

type Polled<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl ResponseBody {
    pub(super) fn new(body: Body, declared: Option<u64>, wire: Arc<Wire>) -> Self {
        Self {
            owed: declared.or_else(|| body.size_hint().exact()),
            body,
            wire,
            rest: None,
            warming: None,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Polled<Data> {
        if !self.wire.takes_windows() {
            return Pin::new(&mut self.body)
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(Data::Bytes));
        }
        loop {
            if let Some(window) = ready!(self.poll_window(cx)?) {
                let window = self.wire.queue(window)?;
                return Poll::Ready(Some(Ok(Frame::data(Data::Window(window)))));
            }
            match ready!(self.poll_payload(cx)) {
                Some(Ok(frame)) if self.rest.is_some() => drop(frame),
                other => return Poll::Ready(other),
            }
        }
    }

    /// The next window of the region at hand, once it is in the page cache; `None` without one.
    fn poll_window(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<FileRegion>>> {
        if self.warming.is_none() {
            let Some(window) = self.next_window() else {
                return Poll::Ready(Ok(None));
            };
            if residency::is_cached(&window) {
                return Poll::Ready(Ok(Some(window)));
            }
            let read = residency::bring_in(&window);
            self.warming = Some(Warming { window, read });
        }
        let Some(warming) = &mut self.warming else {
            return Poll::Ready(Ok(None));
        };
        let outcome = ready!(Pin::new(&mut warming.read).poll(cx)).map_err(io::Error::other);
        let window = self.warming.take().map(|warming| warming.window);
        Poll::Ready(outcome.flatten().map(|()| window))
    }

    fn next_window(&mut self) -> Option<FileRegion> {
        let mut window = self.rest.take()?;
        if window.len > WINDOW_BYTES as u64 {
            self.rest = Some(FileRegion {
                file: Arc::clone(&window.file),
                offset: window.offset + WINDOW_BYTES as u64,
                len: window.len - WINDOW_BYTES as u64,
            });
            window.len = WINDOW_BYTES as u64;
        }
        Some(window)
    }

    /// Asks the stack's body. A region is kept as `rest`, and the frame that stands for it is empty.
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Polled<Data> {
        self.body.poll_payload(cx).map_ok(|frame| {
            frame.map_data(|payload| match payload {
                Payload::Bytes(bytes) => Data::Bytes(bytes),
                Payload::Region(region) => {
                    self.rest = Some(region).filter(|region| region.len > 0);
                    Data::Bytes(bytes::Bytes::new())
                }
            })
        })
    }

    /// Bytes that left the stack's body and have not been given to hyper.
    fn at_hand(&self) -> u64 {
        let warming = self
            .warming
            .as_ref()
            .map_or(0, |warming| warming.window.len);
        warming + self.rest.as_ref().map_or(0, |rest| rest.len)
    }

    /// hyper asks a body of known length for nothing after its last byte, so the end is seen here. A
    /// body that is over while bytes are owed has not ended well.
    fn account(&mut self, frame: Option<&Frame<Data>>) {
        let sent = frame.and_then(Frame::data_ref).map(bytes::Buf::remaining);
        if let (Some(owed), Some(sent)) = (&mut self.owed, sent) {
            *owed = owed.saturating_sub(sent as u64);
        }
        let is_over = frame.is_none_or(Frame::is_trailers) || self.is_end_stream();
        if self.owed.map_or(is_over, |owed| owed == 0) {
            self.wire.end();
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Data;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<Data> {
        self.wire.begin();
        let frame = ready!(self.poll_data(cx)).transpose();
        if let Ok(frame) = &frame {
            self.account(frame.as_ref());
        }
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.at_hand() == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, at_hand) = (self.body.size_hint(), self.at_hand());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + at_hand);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + at_hand);
        }
        hint
    }
}
