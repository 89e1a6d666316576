//! [`Body`], the one body type between layers. It owns where the bytes come from (nowhere, memory, a
//! stream, or regions of a file) and who watches them leave. It does no I/O of its own.

use std::{
    fs::File,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};

/// What layers pass to each other when something failed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of every request and response inside the stack.
///
/// Most consumers read it as an [`http_body::Body`] of [`Bytes`]. A transport that can move file
/// bytes inside the kernel calls [`Body::poll_payload`] instead and is given regions of the file.
///
/// ```
/// use artifact_cache_layers::body::Body;
/// use http_body::Body as _;
/// assert_eq!(Body::from("hello").size_hint().exact(), Some(5));
/// assert!(Body::empty().is_end_stream());
/// ```
#[derive(Default)]
pub struct Body {
    source: Source,
    watchers: Vec<Box<dyn Watch>>,
}

#[derive(Default)]
enum Source {
    #[default]
    Empty,
    Full(Bytes),
    Stream(UnsyncBoxBody<Bytes, BoxError>),
    File(Box<dyn FileBody>),
}

/// Bytes of an open file that do not change as long as the file stays open.
#[derive(Clone, Debug)]
pub struct FileRegion {
    /// The open file.
    pub file: Arc<File>,
    /// Where the region starts, in bytes.
    pub offset: u64,
    /// How long the region is, in bytes; never zero.
    pub len: u64,
}

/// One piece of a body for a transport that understands file regions.
#[derive(Debug)]
pub enum Payload {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file.
    Region(FileRegion),
}

impl Payload {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Region(region) => region.len,
        }
    }

    /// Whether no byte is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A body that lies in a file, whole or still growing.
///
/// Both ways to read it advance the same position; a caller keeps to one of them.
pub trait FileBody: Send {
    /// The next piece that can be sent now, a region of the file wherever possible. `None` is the end:
    /// legal only when every byte was given out and the artifact is known to be complete; a writer that
    /// vanished is an error.
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Payload, BoxError>>>;

    /// The same as bytes, read off the async threads.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>>;

    /// Bytes still to come, when that is known.
    fn remaining(&self) -> Option<u64>;

    /// Trailer fields to send after the last byte of a body of unknown length.
    fn trailers(&mut self) -> Option<HeaderMap> {
        None
    }
}

/// Sees the bytes of a body leave. Dropped before [`Watch::end`] means that the transfer broke off.
pub trait Watch: Send {
    /// `len` bytes were handed to the transport.
    fn data(&mut self, len: u64);
    /// Every byte was handed to the transport.
    fn end(&mut self) {}
    /// The source of the bytes failed; nothing follows.
    fn failed(&mut self, _error: &BoxError) {}
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body of bytes that arrive over time.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self::of(Source::Stream(body.map_err(Into::into).boxed_unsync()))
    }

    /// A body that lies in a file.
    #[must_use]
    pub fn file(body: Box<dyn FileBody>) -> Self {
        Self::of(Source::File(body))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            watchers: Vec::new(),
        }
    }

    /// Adds a watcher of the bytes that leave.
    #[must_use]
    pub fn watched(mut self, watcher: Box<dyn Watch>) -> Self {
        self.watchers.push(watcher);
        self
    }

    /// The next piece, as a file region where the bytes lie in a file.
    ///
    /// # Errors
    /// When the source broke off; nothing more can be read then.
    pub fn poll_payload(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Payload>, BoxError>>> {
        let frame = match &mut self.source {
            Source::File(file) => match ready!(file.poll_payload(cx)) {
                Some(payload) => Some(payload.map(Frame::data)),
                None => self
                    .end_of_file()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            },
            _ => ready!(self.poll_source(cx))
                .map(|frame| frame.map(|frame| frame.map_data(Payload::Bytes))),
        };
        self.tell(frame.as_ref(), Payload::len);
        Poll::Ready(frame)
    }

    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Source::Stream(stream) => {
                let frame = ready!(Pin::new(stream).poll_frame(cx));
                // Few streams remember that they ended, and the watchers are told only of a known end.
                if frame.is_none() {
                    self.source = Source::Empty;
                }
                Poll::Ready(frame)
            }
            Source::File(file) => Poll::Ready(match ready!(file.poll_bytes(cx)) {
                Some(bytes) => Some(bytes.map(Frame::data)),
                None => self
                    .end_of_file()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            }),
        }
    }

    fn end_of_file(&mut self) -> Option<HeaderMap> {
        let Source::File(mut file) = std::mem::take(&mut self.source) else {
            return None;
        };
        file.trailers()
    }

    fn tell<D>(&mut self, frame: Option<&Result<Frame<D>, BoxError>>, len: impl Fn(&D) -> u64) {
        match frame {
            Some(Ok(frame)) => {
                let len = frame.data_ref().map_or(0, len);
                self.watchers.iter_mut().for_each(|watch| watch.data(len));
            }
            Some(Err(error)) => {
                for watch in &mut self.watchers {
                    watch.failed(error);
                }
                // A watcher dropped without `end` knows that the transfer broke off.
                self.watchers.clear();
            }
            None => {}
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(this.poll_source(cx));
        this.tell(frame.as_ref(), |data| data.len() as u64);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Full(_) => false,
            Source::Stream(stream) => stream.is_end_stream(),
            Source::File(file) => file.remaining() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stream(stream) => stream.size_hint(),
            Source::File(file) => file
                .remaining()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Drop for Body {
    /// A transport drops a body of known length after its last byte without asking for the end, so
    /// the end is told here.
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.watchers.iter_mut().for_each(|watcher| watcher.end());
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self::of(Source::Full(bytes))
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("size_hint", &self.size_hint())
            .finish_non_exhaustive()
    }
}
