//! `Refusal`: why there is no tunnel, and how a client is told.

use std::sync::Arc;

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
};
use http::{HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;

use crate::upstream::{Reason, UpstreamFailure};

/// Why a CONNECT was answered with an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The target is not a host and a port.
    #[error("CONNECT needs a host and a port")]
    Authority,
    /// Tunnels to this port are not allowed.
    #[error("CONNECT to port {0} is not allowed")]
    Port(u16),
    /// A rule of `proxy.connect_rules` refuses the host.
    #[error("CONNECT to {0} is refused by a rule")]
    Rule(String),
    /// The request came out of a tunnel.
    #[error("CONNECT inside a tunnel")]
    Nested,
    /// The guard said no.
    #[error("the destination is not allowed")]
    Denied(#[source] BoxError),
    /// As many tunnels are open as there may be.
    #[error("too many tunnels are open")]
    TooMany,
    /// The destination could not be reached.
    #[error("the destination cannot be reached")]
    Unreachable(#[source] BoxError),
}

/// The refusal behind a response, as its extension: for `Proxy-Status`, logs and metrics.
#[derive(Clone, Debug)]
pub struct Refused(pub Arc<Refusal>);

impl Refusal {
    /// What an error of the dialer means.
    pub(super) fn of(error: BoxError) -> Self {
        match cause_of::<UpstreamFailure>(&*error) {
            Some(_) => Self::Unreachable(error),
            None => Self::Denied(error),
        }
    }

    /// Whether no origin was to be asked.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        let Self::Unreachable(error) = self else {
            return false;
        };
        let failure = cause_of::<UpstreamFailure>(&**error);
        failure.is_some_and(|failure| failure.reason.is_withheld())
    }

    /// The status that tells clients whether to try again: 503 makes some wait for a minute, so a
    /// refusal that stays is 403.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Authority | Self::Nested => StatusCode::BAD_REQUEST,
            Self::Port(_) | Self::Rule(_) | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable(_) if self.is_withheld() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable(error) => match cause_of::<UpstreamFailure>(&**error) {
                Some(failure) if failure.reason == Reason::ConnectTimeout => {
                    StatusCode::GATEWAY_TIMEOUT
                }
                _ => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// The response. Clients show the reason phrase of a refused CONNECT and never its body, those of
    /// plain requests the other way round: the text is in both. What the client sent on behind the
    /// CONNECT was meant for the tunnel and must not be read as a request, hence the close.
    pub(super) fn into_response(self) -> Response<Body> {
        let text = self.text();
        let mut response = Response::new(Body::from(format!("{text}\n")));
        *response.status_mut() = self.status();
        let fields = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        fields.insert(header::CONTENT_TYPE, plain);
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if matches!(self, Self::TooMany) {
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Ok(phrase) = ReasonPhrase::try_from(phrase(&text)) {
            response.extensions_mut().insert(phrase);
        }
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }

    fn text(&self) -> String {
        match self {
            Self::Denied(cause) | Self::Unreachable(cause) => cause.to_string(),
            own => own.to_string(),
        }
    }
}

/// The text as a reason phrase (RFC 9112 §4), in ASCII and of one line.
fn phrase(text: &str) -> String {
    let plain = |char: char| if char.is_ascii_graphic() { char } else { ' ' };
    text.chars().take(120).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_with_line_breaks_cannot_split_the_response() {
        let refusal = Refusal::Denied("no\r\nset-cookie: x=1 \u{fc}".into());
        let response = refusal.into_response();
        let phrase = response.extensions().get::<ReasonPhrase>().unwrap();
        assert_eq!(phrase.as_bytes(), b"no  set-cookie: x=1  ");
        assert_eq!(response.status(), 403);
        assert!(matches!(
            &*response.extensions().get::<Refused>().unwrap().0,
            Refusal::Denied(_)
        ));
    }

    #[test]
    fn statuses_say_what_happened() {
        let failed = |reason| {
            Refusal::of(UpstreamFailure::new(reason).into())
                .status()
                .as_u16()
        };
        assert_eq!(failed(Reason::Dns), 502);
        assert_eq!(failed(Reason::Connect), 502);
        assert_eq!(failed(Reason::ConnectTimeout), 504);
        assert_eq!(failed(Reason::Sealed), 503);
        assert_eq!(Refusal::of("forbidden".into()).status(), 403);
        assert_eq!(Refusal::Port(25).status(), 403);
    }
}
