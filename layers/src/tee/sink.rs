//! [`Sink`]: takes the bytes of one response in order and tells everyone who reads them.

use std::{future::Future, sync::Arc};

use bytes::Bytes;

use crate::{body::BoxError, share::Share};

/// Takes the bytes of one response.
///
/// Dropping a sink without [`Sink::finish`] or [`Sink::fail`] is a failure: readers are cut off.
pub trait Sink: Send + 'static {
    /// What requests are answered from.
    fn share(&self) -> Arc<dyn Share>;

    /// Bytes taken so far, those of an earlier transfer included.
    fn taken(&self) -> u64;

    /// Takes the next bytes; waits while too many are queued.
    ///
    /// # Errors
    /// When no further byte can be taken; the fill is given up.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// The origin goes on where it broke off.
    fn resumed(&self) {}

    /// Forgets every byte, so that the response can start anew. `false` when a byte went out already.
    fn restart(&mut self) -> impl Future<Output = bool> + Send;

    /// The origin ended the body where it promised to.
    fn finish(self) -> impl Future<Output = ()> + Send;

    /// The origin broke off. What is there may be kept for a later resumption.
    fn fail(self, error: BoxError) -> impl Future<Output = ()> + Send;
}
