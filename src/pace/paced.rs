//! [`Paced`]: a body that leaves no faster than its bucket earns.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use artifact_cache_layers::body::{Body, BoxError};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Bucket, Rate};

/// A body under a rate in bytes per second. Each piece is paid for before the next one is asked for.
pub struct Paced {
    inner: Body,
    bucket: Arc<Bucket>,
    rate: Rate,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// `body` at no more than `rate`, together with everything else that takes from `bucket`.
    #[must_use]
    pub fn body(body: Body, bucket: Arc<Bucket>, rate: Rate) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::stream(Self {
            inner: body,
            bucket,
            rate,
            rest: None,
        })
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest {
            ready!(rest.as_mut().poll(cx));
            this.rest = None;
        }
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let now = Instant::now();
            let wait = this.bucket.owe(data.len() as u64, this.rate, now);
            if !wait.is_zero() {
                this.rest = Some(Box::pin(sleep_until(now + wait)));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_takes_the_time_that_its_rate_says() {
        let rate = Rate {
            per_second: 1000,
            burst: 1000,
        };
        let body = Body::stream(Pieces(5));
        let start = Instant::now();
        let paced = Paced::body(body, Arc::default(), rate);
        assert_eq!(paced.collect().await.unwrap().to_bytes().len(), 5000);
        let took = start.elapsed();
        let expected = Duration::from_secs(4)..=Duration::from_millis(4100);
        assert!(expected.contains(&took), "{took:?}");
    }

    /// So many pieces of 1000 bytes.
    struct Pieces(usize);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let left = self.0.checked_sub(1);
            self.0 = left.unwrap_or_default();
            let piece = left.map(|_| Ok(Frame::data(Bytes::from(vec![0; 1000]))));
            Poll::Ready(piece)
        }
    }
}
