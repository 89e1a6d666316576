//! Moves one body from the origin into a [`Sink`], and goes on where the origin broke off.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use tower_service::Service;

use super::{
    origin::{Origin, Rest},
    sink::Sink,
};
use crate::{
    body::{Body, BoxError},
    cause::is_caused_by,
    failure::{Changed, Incomplete},
    semantics::validation::strong_validator,
};

/// Bytes handed to the sink at once, when that many are there.
const BATCH: usize = 256 << 10;
/// Times that one body is continued after the origin broke off without sending a byte in between.
const ATTEMPTS: u32 = 4;

/// One transfer from an origin into a sink.
pub(super) struct Pump<S, K> {
    pub(super) origin: Origin<S>,
    pub(super) sink: K,
    /// The strong validator, without which a body cannot be continued.
    pub(super) validator: Option<HeaderValue>,
    /// Length of the whole body, when the origin promised one.
    pub(super) total: Option<u64>,
}

/// Why a body stopped.
enum Stop {
    /// The sink takes no more.
    Sink(BoxError),
    /// The origin broke off.
    Origin(BoxError),
}

impl<S, K> Pump<S, K>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    K: Sink,
{
    /// Runs until the body is complete or cannot be completed. Without a `body` that goes on where the
    /// sink stands, the origin is asked for one.
    pub(super) async fn run(mut self, body: Option<Body>) {
        match self.drain(body).await {
            Ok(()) => self.sink.finish().await,
            Err(error) => self.sink.fail(error).await,
        }
    }

    async fn drain(&mut self, body: Option<Body>) -> Result<(), BoxError> {
        let (mut failures, mut furthest) = (0, self.sink.taken());
        let mut body = match body {
            Some(body) => body,
            None => self.resume(self.incomplete().into()).await?,
        };
        loop {
            let error = match self.copy(body).await {
                Ok(()) => return Ok(()),
                Err(Stop::Sink(error)) => return Err(error),
                Err(Stop::Origin(error)) => error,
            };
            // Bytes that came before a start from the beginning are no progress.
            failures = if self.sink.taken() > furthest {
                1
            } else {
                failures + 1
            };
            furthest = furthest.max(self.sink.taken());
            if failures > ATTEMPTS || self.is_too_long() {
                return Err(self.broken(error));
            }
            body = self.resume(error).await?;
        }
    }

    /// Asks the origin to go on. `broken` is reported when it does not.
    async fn resume(&mut self, broken: BoxError) -> Result<Body, BoxError> {
        let from = self.sink.taken();
        let answer = match &self.validator {
            Some(validator) if from > 0 => self.origin.rest(from, validator, self.total).await,
            _ => self.origin.whole().await.map(Rest::Anew),
        };
        let response = match answer {
            Ok(Rest::Continues { body, total }) => {
                self.total = Some(total);
                self.sink.resumed();
                return Ok(body);
            }
            Ok(Rest::Anew(response)) if self.fits(&response) => response,
            Ok(Rest::Anew(response)) if response.status() == StatusCode::OK => {
                return Err(Changed(self.incomplete()).into());
            }
            _ => return Err(self.broken(broken)),
        };
        if self.sink.restart().await {
            Ok(response.into_body())
        } else {
            Err(self.broken(broken))
        }
    }

    /// What is reported of a body that broke off: how far all its parts came together.
    fn broken(&self, error: BoxError) -> BoxError {
        if is_caused_by::<Incomplete>(&*error) {
            self.incomplete().into()
        } else {
            error
        }
    }

    fn incomplete(&self) -> Incomplete {
        Incomplete {
            received: self.sink.taken(),
            expected: self.total,
        }
    }

    fn is_too_long(&self) -> bool {
        self.total.is_some_and(|total| self.sink.taken() > total)
    }

    /// A body that cannot be continued starts again from its first byte, which is only possible while
    /// nobody has been given a byte of the old one, and when the head that was announced still fits.
    fn fits(&self, response: &Response<Body>) -> bool {
        response.status() == StatusCode::OK
            && response.body().size_hint().exact() == self.total
            && strong_validator(response.headers()) == self.validator
    }

    /// Copies `body` to its end.
    async fn copy(&mut self, mut body: Body) -> Result<(), Stop> {
        let mut batch = Batch::default();
        loop {
            let frame = poll_fn(|cx| batch.poll_fill(&mut body, cx)).await;
            let ended = match frame {
                Fill::Ready => false,
                Fill::End => true,
                Fill::Broken(error) => {
                    self.write(batch.take()).await?;
                    return Err(Stop::Origin(error));
                }
            };
            self.write(batch.take()).await?;
            if ended {
                return self.is_whole();
            }
        }
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Stop> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sink.write(bytes).await.map_err(Stop::Sink)
    }

    fn is_whole(&self) -> Result<(), Stop> {
        let received = self.sink.taken();
        match self.total {
            Some(expected) if expected != received => Err(Stop::Origin(self.incomplete().into())),
            _ => Ok(()),
        }
    }
}

/// Frames that arrived but were not yet handed on.
#[derive(Default)]
struct Batch {
    first: Bytes,
    more: BytesMut,
}

enum Fill {
    Ready,
    End,
    Broken(BoxError),
}

impl Batch {
    fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    /// Collects what has arrived and no more: a fast origin costs few hand-overs, a slow one no delay.
    fn poll_fill(&mut self, body: &mut Body, cx: &mut Context<'_>) -> Poll<Fill> {
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.push(frame.into_data().unwrap_or_default()),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Fill::Broken(error)),
                Poll::Ready(None) => return Poll::Ready(Fill::End),
                Poll::Pending if self.len() == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Fill::Ready),
            }
            if self.len() >= BATCH {
                return Poll::Ready(Fill::Ready);
            }
        }
    }

    /// One frame is handed on as it came; only several are copied together.
    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if self.more.is_empty() {
            self.more.reserve(BATCH);
            self.more
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(&data);
    }

    fn take(&mut self) -> Bytes {
        if self.more.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            self.more.split().freeze()
        }
    }
}
