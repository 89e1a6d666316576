//! Answers failed requests (`rescue::Respond`): classifies the error and chooses its form by the door.

mod classify;

use artifact_cache_layers::{body::Body, rescue::Respond};
use http::{HeaderValue, Method, Request, Response, Uri, header};

use crate::{
    error::Error,
    respond::{Form, respond},
    telemetry::{
        access::TurnedAway,
        label::{Door, Rejected},
        metrics::Metrics,
    },
};

/// Answers failed requests.
#[derive(Clone, Debug)]
pub struct Rescuer {
    metrics: Metrics,
}

/// A response extension: the request failed, and why.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What the error amounts to.
    pub error: Error,
    /// What was asked for, when it got that far.
    pub source_url: Option<String>,
    /// The door it came in by.
    pub door: Door,
}

/// What is kept of a request to answer for it; a few reference counts.
pub struct Memo {
    uri: Uri,
    is_connect: bool,
    accept: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
}

impl Rescuer {
    /// Counts refusals in `metrics`.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    fn count(&self, error: &Error) {
        let reason = match error {
            Error::Overloaded { .. } => Rejected::Overloaded,
            Error::BadRequest { .. } | Error::ExpectationFailed => Rejected::Syntax,
            Error::UriTooLong | Error::HeadersTooLarge => Rejected::TooLarge,
            Error::PolicyDenied { .. } => Rejected::Policy,
            Error::LoopDetected => Rejected::Loop,
            Error::RateLimited { .. } => Rejected::RateLimited,
            Error::Unauthorized { .. }
            | Error::ProxyUnauthorized { .. }
            | Error::Forbidden { .. } => Rejected::Unauthorized,
            _ => return,
        };
        TurnedAway {
            reason,
            client: None,
        }
        .emit(&self.metrics);
    }
}

impl Memo {
    fn door(&self) -> Door {
        let path = self.uri.path();
        match () {
            () if self.is_connect || self.uri.scheme().is_some() => Door::Proxy,
            () if path == "/fetch" || path.starts_with("/fetch/") || path.starts_with("/cas/") => {
                Door::Fetch
            }
            () if path.starts_with("/mirror/") => Door::Mirror,
            () => Door::Api,
        }
    }

    fn form(&self) -> Form {
        let mut request = Request::new(());
        *request.uri_mut() = self.uri.clone();
        let fields = request.headers_mut();
        for (name, value) in [
            (header::ACCEPT.as_str(), &self.accept),
            ("x-request-id", &self.request_id),
        ] {
            if let Some(value) = value {
                fields.insert(name, value.clone());
            }
        }
        if self.door() == Door::Proxy {
            Form::proxied(&request)
        } else {
            Form::local(&request)
        }
    }
}

impl Respond for Rescuer {
    type Memo = Memo;

    fn remember(&self, request: &Request<Body>) -> Memo {
        let fields = request.headers();
        Memo {
            uri: request.uri().clone(),
            is_connect: request.method() == Method::CONNECT,
            accept: fields.get(header::ACCEPT).cloned(),
            request_id: fields.get("x-request-id").cloned(),
        }
    }

    fn respond(&self, memo: Memo, error: &(dyn std::error::Error + 'static)) -> Response<Body> {
        let classified = classify::classify(error);
        self.count(&classified);
        let mut response = respond(&classified, &memo.form());
        let source_url = classify::source_url(error);
        let failure = Failure {
            error: classified.clone(),
            source_url,
            door: memo.door(),
        };
        response.extensions_mut().insert(failure);
        response
    }
}
