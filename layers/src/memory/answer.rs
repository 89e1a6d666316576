//! One answer on its way into a [`MemoryStore`]: what requests see of it, and the sink that collects it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::SystemTime,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use super::{MemoryStore, slice};
use crate::{
    body::{Body, BoxError},
    digest::Sha256,
    failure::{Incomplete, Mismatch},
    semantics::{cache_key::Nominated, stored_response::StoredResponse, target_uri::TargetUri},
    share::{PartPermit, Share, SharedError, Verdict, Wanted},
    tee::Sink,
};

/// What is said of an answer whose sink is gone.
const GONE: Incomplete = Incomplete {
    received: 0,
    expected: None,
};

pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) nominated: Nominated,
    pub(super) time: SystemTime,
}

/// One answer on its way into a [`MemoryStore`].
pub(super) struct Answer {
    head: Head,
    taken: AtomicU64,
    done: watch::Sender<Option<(Verdict, Bytes)>>,
    is_part_taken: Arc<AtomicBool>,
}

/// Collects the bytes of one answer.
pub struct MemorySink {
    store: MemoryStore,
    uri: TargetUri,
    answer: Arc<Answer>,
    collected: BytesMut,
}

impl MemorySink {
    pub(super) fn new(store: MemoryStore, uri: TargetUri, answer: Arc<Answer>) -> Self {
        Self {
            store,
            uri,
            answer,
            collected: BytesMut::new(),
        }
    }
}

impl Answer {
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            taken: AtomicU64::new(0),
            done: watch::Sender::new(None),
            is_part_taken: Arc::default(),
        }
    }

    /// Fails, unless there is a verdict already.
    fn give_up(&self, error: BoxError) {
        self.done.send_if_modified(|done| {
            let is_first = done.is_none();
            let verdict = Verdict::Failed(SharedError::new(error));
            done.get_or_insert((verdict, Bytes::new()));
            is_first
        });
    }

    fn outcome(&self) -> impl Future<Output = Option<(Verdict, Bytes)>> + Send + use<> {
        let mut done = self.done.subscribe();
        async move {
            done.wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|done| done.clone())
        }
    }
}

impl Share for Answer {
    fn status(&self) -> StatusCode {
        self.head.status
    }

    fn fields(&self) -> &HeaderMap {
        &self.head.fields
    }

    fn nominated(&self) -> &Nominated {
        &self.head.nominated
    }

    fn times(&self) -> (SystemTime, SystemTime) {
        (self.head.time, self.head.time)
    }

    fn length(&self) -> Option<u64> {
        self.done
            .borrow()
            .as_ref()
            .map(|(_, bytes)| bytes.len() as u64)
    }

    fn available(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    fn is_open(&self) -> bool {
        !matches!(&*self.done.borrow(), Some((Verdict::Failed(_), _)))
    }

    fn body(&self, wanted: Wanted) -> Body {
        let outcome = self.outcome();
        Body::stream(LateBody(Some(Box::pin(async move {
            match outcome.await {
                Some((Verdict::Complete { digest, .. }, bytes)) => given(&wanted, digest, &bytes),
                Some((Verdict::Failed(error), _)) => Err(error.into()),
                None => Err(GONE.into()),
            }
        }))))
    }

    fn expect(&self, _digest: Option<Sha256>) {}

    fn verdict(&self) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        let outcome = self.outcome();
        let gone = || Verdict::Failed(SharedError::new(GONE.into()));
        Box::pin(async move { outcome.await.map_or_else(gone, |(verdict, _)| verdict) })
    }

    fn try_part(&self) -> Option<PartPermit> {
        let was_taken = self.is_part_taken.swap(true, Ordering::AcqRel);
        (!was_taken).then(|| PartPermit::new(Box::new(Part(self.is_part_taken.clone()))))
    }
}

/// What is wanted of `bytes`, unless they are not the wanted ones.
fn given(wanted: &Wanted, actual: Sha256, bytes: &Bytes) -> Result<Bytes, BoxError> {
    match (wanted.expect, &wanted.range) {
        (Some(expected), _) if expected != actual => Err(Mismatch { expected, actual }.into()),
        (_, Some(range)) => Ok(slice(bytes, range)),
        (_, None) => Ok(bytes.clone()),
    }
}

/// The one part that is transferred beside the fill.
struct Part(Arc<AtomicBool>);

impl Drop for Part {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

type Later = Pin<Box<dyn Future<Output = Result<Bytes, BoxError>> + Send>>;

/// A body of one piece that is not there yet.
struct LateBody(Option<Later>);

impl http_body::Body for LateBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let Some(later) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let bytes = ready!(later.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(bytes.map(http_body::Frame::data)))
    }
}

impl Sink for MemorySink {
    fn share(&self) -> Arc<dyn Share> {
        self.answer.clone()
    }

    fn taken(&self) -> u64 {
        self.answer.available()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), BoxError> {
        self.collected.extend_from_slice(&bytes);
        self.answer
            .taken
            .store(self.collected.len() as u64, Ordering::Release);
        Ok(())
    }

    async fn restart(&mut self) -> bool {
        self.collected.clear();
        self.answer.taken.store(0, Ordering::Release);
        true
    }

    async fn finish(mut self) {
        let bytes = std::mem::take(&mut self.collected).freeze();
        let (digest, length) = (Sha256::of(&bytes), bytes.len() as u64);
        let head = &self.answer.head;
        let response = StoredResponse {
            status: head.status,
            fields: head.fields.clone(),
            request_time: head.time,
            response_time: head.time,
            nominated: head.nominated.clone(),
            digest,
            length,
        };
        self.store.lock().bodies.insert(digest, bytes.clone());
        self.store.put(&self.uri, response);
        self.answer
            .done
            .send_replace(Some((Verdict::Complete { digest, length }, bytes)));
    }

    async fn fail(self, error: BoxError) {
        self.answer.give_up(error);
    }
}

impl Drop for MemorySink {
    /// Whoever waits is not to wait for ever when the fill was cancelled.
    fn drop(&mut self) {
        let received = self.answer.available();
        self.answer.give_up(
            Incomplete {
                received,
                expected: None,
            }
            .into(),
        );
    }
}
