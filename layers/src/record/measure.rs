//! [`Measure`], one request under measurement. Wherever it is dropped, the recorder is told the end.

use std::{sync::Arc, time::Instant};

use http::{Request, Response};
use http_body::Body as _;

use super::recorder::{End, Outcome, Recorder};
use crate::body::{Body, BoxError, Watch};

pub(super) struct Measure<R: Recorder> {
    recorder: Arc<R>,
    // Taken once, in `drop`.
    memo: Option<R::Memo>,
    started: Instant,
    bytes: u64,
    // What is true if nothing more happens.
    outcome: Outcome,
}

impl<R: Recorder> Measure<R> {
    pub(super) fn start(recorder: Arc<R>, request: &Request<Body>) -> Self {
        let memo = Some(recorder.started(request));
        Self {
            recorder,
            memo,
            started: Instant::now(),
            bytes: 0,
            outcome: Outcome::Abandoned,
        }
    }

    pub(super) fn fail(mut self) {
        self.outcome = Outcome::Failed;
    }

    /// Goes on inside the response body, unless there is none to be sent.
    pub(super) fn follow(mut self, response: Response<Body>, is_head: bool) -> Response<Body> {
        if let Some(memo) = &mut self.memo {
            self.recorder.head(memo, &response);
        }
        if is_head || response.body().is_end_stream() {
            self.outcome = Outcome::Complete;
            return response;
        }
        self.outcome = Outcome::Left;
        response.map(|body| body.watched(Box::new(self)))
    }
}

impl<R: Recorder> Watch for Measure<R> {
    fn data(&mut self, len: u64) {
        self.bytes += len;
        if let Some(memo) = &mut self.memo {
            self.recorder.bytes(memo, len);
        }
    }

    fn end(&mut self) {
        self.outcome = Outcome::Complete;
    }

    fn failed(&mut self, error: &BoxError) {
        self.outcome = Outcome::BrokeOff;
        if let Some(memo) = &mut self.memo {
            self.recorder.broke_off(memo, error);
        }
    }
}

impl<R: Recorder> Drop for Measure<R> {
    fn drop(&mut self) {
        if let Some(memo) = self.memo.take() {
            let end = End {
                outcome: self.outcome,
                duration: self.started.elapsed(),
                bytes: self.bytes,
            };
            self.recorder.finished(memo, end);
        }
    }
}
