//! [`Filling`]: what requests see of a fill: the head of the origin's answer and the growing blob.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use artifact_cache_layers::{
    body::Body,
    digest::Sha256,
    semantics::{cache_key::Nominated, stored_response::StoredResponse, target_uri::TargetUri},
    share::{PartPermit, Share, Verdict, Wanted},
};
use http::{HeaderMap, StatusCode};

use crate::{
    blob::{Recovery, follow::Growing},
    telemetry::{instrument::UnderWay, metrics::Metrics},
};

/// The head of an origin's answer, as it will be stored.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) request_time: SystemTime,
    pub(super) response_time: SystemTime,
    pub(super) nominated: Nominated,
}

impl Head {
    /// What is written beside the first bytes of a body, so that they can be read before the rest is
    /// there. The digest is nobody's: it is not known yet.
    pub(super) fn beginning(&self, uri: &TargetUri, length: u64) -> Recovery {
        let response = StoredResponse {
            status: self.status,
            fields: self.fields.clone(),
            request_time: self.request_time,
            response_time: self.response_time,
            nominated: self.nominated.clone(),
            digest: Sha256::of(b""),
            length,
        };
        Recovery::new(uri, None, &response)
    }
}

/// One fill, as requests see it.
pub(super) struct Filling {
    pub(super) head: Head,
    pub(super) growing: Arc<Growing>,
    expected: Mutex<Expected>,
    is_part_taken: Arc<AtomicBool>,
    metrics: Metrics,
}

/// Who waits for the bytes.
#[derive(Default)]
struct Expected {
    /// Somebody takes whatever comes.
    anything: bool,
    pins: Vec<Sha256>,
}

impl Filling {
    pub(super) fn new(head: Head, growing: Arc<Growing>, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            head,
            growing,
            expected: Mutex::default(),
            is_part_taken: Arc::default(),
            metrics,
        })
    }

    /// Whether bytes with this digest are what somebody waits for. Bytes that everybody refuses are not
    /// kept: they would be linked to a URL whose users say that it means something else.
    pub(super) fn is_wanted(&self, digest: &Sha256) -> bool {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.anything || expected.pins.is_empty() || expected.pins.contains(digest)
    }
}

impl Share for Filling {
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
        (self.head.request_time, self.head.response_time)
    }

    fn length(&self) -> Option<u64> {
        self.growing.length()
    }

    fn available(&self) -> u64 {
        self.growing.written()
    }

    fn is_open(&self) -> bool {
        !self.growing.is_spilled() && !matches!(self.growing.settled(), Some(Verdict::Failed(_)))
    }

    fn body(&self, wanted: Wanted) -> Body {
        let counted = Counted(self.metrics.followers_in_flight.enter());
        self.growing.follow(wanted).watched(Box::new(counted))
    }

    fn expect(&self, digest: Option<Sha256>) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        match digest {
            Some(pin) => expected.pins.push(pin),
            None => expected.anything = true,
        }
    }

    fn verdict(&self) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        Box::pin(self.growing.verdict())
    }

    fn hold(&self) -> Pin<Box<dyn Future<Output = Option<Verdict>> + Send>> {
        Box::pin(self.growing.hold())
    }

    fn try_part(&self) -> Option<PartPermit> {
        let was_taken = self.is_part_taken.swap(true, Ordering::AcqRel);
        (!was_taken).then(|| PartPermit::new(Box::new(Part(self.is_part_taken.clone()))))
    }
}

/// The one part that is transferred beside the fill.
struct Part(Arc<AtomicBool>);

impl Drop for Part {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Counts a follower as long as its body lives.
struct Counted(#[expect(dead_code, reason = "held for its drop")] UnderWay);

impl artifact_cache_layers::body::Watch for Counted {
    fn data(&mut self, _len: u64) {}
}
