//! A store of one body that shows everything that happens to it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::cache_key::Nominated,
    share::{PartPermit, Share, SharedError, Verdict, Wanted},
    tee::{Admission, Admit, Kept, Sink, Task, TeeLayer},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request, response};
use tokio::sync::watch;
use tower::{Layer as _, ServiceExt as _};

use crate::scripted::{Answer, Origin};

/// What happened to the sink, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Write(String),
    Restart,
    Finish,
    Fail(String),
    /// Neither finished nor failed: its task was cancelled.
    Dropped,
}

/// Admits everything by its settings.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    pub(super) pass: Option<&'static str>,
    pub(super) refuse: bool,
    /// What an earlier transfer left: bytes and validator.
    pub(super) kept: Option<(&'static str, &'static str)>,
    /// Whether another request takes what was left before the response arrives.
    pub(super) is_left_taken: bool,
    /// Whether a reader was given a byte, so that the body cannot start again.
    pub(super) is_touched: bool,
    /// Bytes after which writing fails.
    pub(super) room: Option<usize>,
    pub(super) log: Arc<Mutex<Vec<Event>>>,
    pub(super) tasks: Arc<Mutex<Vec<Task>>>,
}

impl Shelf {
    /// The response to `request` through the layer, and what the fill did if there was one.
    pub(super) async fn keep(
        &self,
        origin: &Origin,
        request: Request<Body>,
    ) -> (Answer, Vec<Event>) {
        let answer = TeeLayer::new(self.clone())
            .layer(origin.clone())
            .oneshot(request)
            .await;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        for fill in tasks {
            fill.await;
        }
        (answer, self.log.lock().unwrap().clone())
    }
}

impl Admit for Shelf {
    type Sink = Recorded;

    async fn kept(&self, _: &request::Parts) -> Option<Kept> {
        let (bytes, validator) = self.kept?;
        Some(Kept {
            length: bytes.len() as u64,
            validator: HeaderValue::from_static(validator),
        })
    }

    async fn admit(
        &self,
        _: &request::Parts,
        response: &response::Parts,
        kept: Option<Kept>,
    ) -> Admission<Recorded> {
        if self.refuse {
            return Admission::Refuse("too large".into());
        }
        if let Some(reason) = self.pass {
            return Admission::Pass(reason);
        }
        let kept = kept.filter(|_| !self.is_left_taken);
        let taken = kept.map_or(0, |kept| kept.length);
        Admission::Keep(Recorded {
            shelf: self.clone(),
            share: Arc::new(Told {
                status: response.status,
                fields: response.headers.clone(),
                verdict: watch::Sender::new(None),
            }),
            taken,
            is_settled: false,
        })
    }

    fn spawn(&self, fill: Task) {
        self.tasks.lock().unwrap().push(fill);
    }
}

/// The sink.
pub(super) struct Recorded {
    shelf: Shelf,
    share: Arc<Told>,
    taken: u64,
    is_settled: bool,
}

impl Recorded {
    fn note(&self, event: Event) {
        self.shelf.log.lock().unwrap().push(event);
    }
}

impl Sink for Recorded {
    fn share(&self) -> Arc<dyn Share> {
        self.share.clone()
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), BoxError> {
        let end = self.taken + bytes.len() as u64;
        if self.shelf.room.is_some_and(|room| end > room as u64) {
            return Err("the sink is full".into());
        }
        self.taken = end;
        self.note(Event::Write(String::from_utf8(bytes.to_vec())?));
        Ok(())
    }

    async fn restart(&mut self) -> bool {
        if !self.shelf.is_touched {
            self.taken = 0;
            self.note(Event::Restart);
        }
        !self.shelf.is_touched
    }

    async fn finish(mut self) {
        self.is_settled = true;
        self.note(Event::Finish);
        self.share.verdict.send_replace(Some(Verdict::Complete {
            digest: Sha256::of(b""),
            length: self.taken,
        }));
    }

    async fn fail(mut self, error: BoxError) {
        self.is_settled = true;
        self.note(Event::Fail(error.to_string()));
        let verdict = Verdict::Failed(SharedError::new(error));
        self.share.verdict.send_replace(Some(verdict));
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if !self.is_settled {
            self.note(Event::Dropped);
        }
    }
}

/// What requests would see.
pub(super) struct Told {
    status: StatusCode,
    fields: HeaderMap,
    verdict: watch::Sender<Option<Verdict>>,
}

impl Share for Told {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    fn nominated(&self) -> &Nominated {
        const { &Vec::new() }
    }

    fn times(&self) -> (SystemTime, SystemTime) {
        (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn available(&self) -> u64 {
        0
    }

    fn is_open(&self) -> bool {
        true
    }

    fn body(&self, _: Wanted) -> Body {
        Body::empty()
    }

    fn expect(&self, _: Option<Sha256>) {}

    fn verdict(&self) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        let mut verdict = self.verdict.subscribe();
        Box::pin(async move {
            let settled = verdict.wait_for(Option::is_some).await.unwrap().clone();
            settled.unwrap()
        })
    }

    fn try_part(&self) -> Option<PartPermit> {
        None
    }
}

/// All bytes that the sink holds after `events`, behind the `kept` ones.
pub(super) fn content(kept: &str, events: &[Event]) -> String {
    events.iter().fold(kept.to_owned(), |mut all, event| {
        match event {
            Event::Write(bytes) => all.push_str(bytes),
            Event::Restart => all.clear(),
            Event::Finish | Event::Fail(_) | Event::Dropped => {}
        }
        all
    })
}

/// The status and fields of an answer whose body went into the sink.
pub(super) fn head(answer: Answer) -> Response<()> {
    use http_body::Body as _;
    let answer = answer.unwrap();
    assert!(answer.body().is_end_stream(), "the share has the bytes");
    answer.map(drop)
}
