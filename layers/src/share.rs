//! [`Share`]: one answer of an origin that any number of requests are given, while its body still
//! arrives. The `tee` layer makes it, `collapse` hands it to those who wait, `cache` answers from it.

use std::{fmt, future::Future, ops::Range, pin::Pin, sync::Arc, time::SystemTime};

use http::{HeaderMap, StatusCode};

use crate::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::cache_key::Nominated,
};

/// How the body of a shared answer ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every byte arrived; these are the digest and the length.
    Complete {
        /// Digest of the bytes as received.
        digest: Sha256,
        /// Number of bytes.
        length: u64,
    },
    /// The bytes cannot be had; the error says why and is shared by everyone who waits.
    Failed(SharedError),
}

/// What a request wants of a shared body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The bytes wanted; `None` is the whole body.
    pub range: Option<Range<u64>>,
    /// The digest the whole body must have; the last byte is held back until it is known.
    pub expect: Option<Sha256>,
    /// Whether the digest is sent as a trailer once it is known.
    pub trailers: bool,
}

/// One answer of an origin for many requests.
pub trait Share: Send + Sync + 'static {
    /// Status of the answer.
    fn status(&self) -> StatusCode;
    /// Fields of the answer without hop-by-hop fields.
    fn fields(&self) -> &HeaderMap;
    /// The request fields that its `Vary` nominates.
    fn nominated(&self) -> &Nominated;
    /// When the request was sent and when the head of the answer arrived.
    fn times(&self) -> (SystemTime, SystemTime);
    /// Length of the body in bytes, as soon as it is known.
    fn length(&self) -> Option<u64>;
    /// Bytes that can be read now.
    fn available(&self) -> u64;
    /// Whether a new request may still be given this answer from its first byte on.
    fn is_open(&self) -> bool;
    /// A body of the bytes wanted. It ends only after the verdict; a failed fill breaks it off.
    fn body(&self, wanted: Wanted) -> Body;
    /// Registers who waits for these bytes, before the verdict: bytes that only requests with other
    /// pins wait for are not kept under the URL.
    fn expect(&self, digest: Option<Sha256>);
    /// Waits until the verdict is known.
    fn verdict(&self) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;
    /// As [`Share::verdict`], for a request that does not read meanwhile: `None` as soon as bytes that
    /// nobody reads would hold up the transfer.
    fn hold(&self) -> Pin<Box<dyn Future<Output = Option<Verdict>> + Send>> {
        let verdict = self.verdict();
        Box::pin(async move { Some(verdict.await) })
    }
    /// Takes the one permit for a transfer of a part beside the fill.
    fn try_part(&self) -> Option<PartPermit>;
}

/// Held while a part is transferred beside the fill; released when dropped.
pub struct PartPermit(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send>);

impl PartPermit {
    /// A permit that is released when `guard` is dropped.
    #[must_use]
    pub fn new(guard: Box<dyn Send>) -> Self {
        Self(guard)
    }
}

/// A response extension: the answer that this response can be given from.
#[derive(Clone)]
pub struct Shared {
    /// The answer.
    pub share: Arc<dyn Share>,
    /// Whether the request joined a fill that another request had started.
    pub collapsed: bool,
}

/// A response extension: the response is not kept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept(pub &'static str);

/// An error that several requests are told.
#[derive(Clone)]
pub struct SharedError(Arc<dyn std::error::Error + Send + Sync>);

impl SharedError {
    /// Makes `error` shareable; its chain stays readable through `source`.
    #[must_use]
    pub fn new(error: BoxError) -> Self {
        Self(Arc::from(error))
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared request failed")
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
