//! Counts, times and logs each request once it is over (`record::Recorder`).

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{Mode, Peer, Served, Target},
    record::{End, Outcome, Recorder},
    share::Shared,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_http::request_id::RequestId;

use crate::{
    rescue::Failure,
    telemetry::{
        access::{Answered, Asked, Failed, Responded},
        label::Door,
        metrics::Metrics,
    },
};

/// Records requests in `Metrics` and the log.
#[derive(Clone, Debug)]
pub struct Requests {
    metrics: Metrics,
}

/// What is kept of a request until it ends.
pub struct Memo {
    peer: Option<SocketAddr>,
    id: Option<HeaderValue>,
    method: Method,
    status: StatusCode,
    target: Option<Arc<Target>>,
    served: Option<Served>,
    failure: Option<Failure>,
    broke_off: Option<String>,
}

impl Requests {
    /// Records in `metrics`.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    fn asked<'a>(memo: &'a Memo, source_url: &'a str, end: &End) -> Asked<'a> {
        Asked {
            source_url,
            client: memo.peer,
            request_id: memo.id.as_ref().and_then(|id| id.to_str().ok()),
            duration: end.duration,
        }
    }

    fn door(memo: &Memo) -> Door {
        match &memo.target {
            Some(target) if target.mode.is_archive() => Door::Fetch,
            Some(target) if target.mode == Mode::Mirror => Door::Mirror,
            Some(_) => Door::Proxy,
            None if memo.method == Method::CONNECT => Door::Proxy,
            None => memo
                .failure
                .as_ref()
                .map_or(Door::Api, |failure| failure.door),
        }
    }
}

impl Recorder for Requests {
    type Memo = Memo;

    fn started(&self, request: &Request<Body>) -> Memo {
        let extensions = request.extensions();
        Memo {
            peer: extensions.get::<Peer>().map(|peer| peer.0),
            id: extensions
                .get::<RequestId>()
                .map(|id| id.header_value().clone()),
            method: request.method().clone(),
            status: StatusCode::OK,
            target: None,
            served: None,
            failure: None,
            broke_off: None,
        }
    }

    fn head(&self, memo: &mut Memo, response: &Response<Body>) {
        let extensions = response.extensions();
        memo.status = response.status();
        memo.target = extensions.get::<Arc<Target>>().cloned();
        memo.served = extensions.get::<Served>().copied();
        memo.failure = extensions.get::<Failure>().cloned();
        if extensions
            .get::<Shared>()
            .is_some_and(|shared| shared.collapsed)
        {
            self.metrics.collapsed.increment();
        }
    }

    fn bytes(&self, memo: &mut Memo, len: u64) {
        if memo.target.is_some() {
            self.metrics.bytes_served.add(len);
        }
    }

    fn broke_off(&self, memo: &mut Memo, error: &BoxError) {
        let mut causes = String::new();
        let mut cause = Some(&**error as &dyn std::error::Error);
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(causes, ": {error}");
            cause = error.source();
        }
        memo.broke_off = Some(causes);
    }

    fn finished(&self, memo: Memo, end: End) {
        Responded {
            door: Self::door(&memo),
            status: memo.status,
        }
        .emit(&self.metrics);
        if let Some(failure) = &memo.failure {
            // At the explicit door every request is one to the cache, even one that names no artifact.
            if failure.source_url.is_some() || failure.door == Door::Fetch {
                let source_url = failure.source_url.as_deref().unwrap_or_default();
                let asked = Self::asked(&memo, source_url, &end);
                Failed {
                    asked,
                    error: &failure.error,
                }
                .emit(&self.metrics);
            }
            return;
        }
        let (Some(target), Some(served)) = (&memo.target, memo.served) else {
            return;
        };
        let asked = Self::asked(&memo, target.uri.as_str(), &end);
        let size_bytes = end.bytes;
        let answered = Answered {
            asked,
            served,
            size_bytes,
        };
        match end.outcome {
            Outcome::Complete => answered.emit(&self.metrics),
            Outcome::Left | Outcome::Abandoned => answered.emit_left(&self.metrics),
            Outcome::BrokeOff | Outcome::Failed => {
                let causes = memo.broke_off.clone().unwrap_or_default();
                let error = &BrokeOff { size_bytes, causes };
                Failed { asked, error }.emit(&self.metrics);
            }
        }
    }
}

/// The source of the body failed, and why: errors of bodies cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the transfer broke off after {size_bytes} bytes{causes}")]
struct BrokeOff {
    size_bytes: u64,
    causes: String,
}
