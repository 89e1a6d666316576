//! Answers to explicit requests that are not kept: a body past the store, and the head of what is not
//! stored.

use http::{HeaderValue, Request, Response, response};
use http_body::Body as _;
use tower_service::Service;

use super::Answer;
use crate::{
    body::{Body, BoxError},
    cache::{
        exchange::Exchange,
        forwarded,
        status::{self, X_CACHE_STATUS},
        store::Store,
    },
    digest::Sha256,
    extensions::Served,
    semantics::reuse::ForwardReason,
    verify::VerifyBody,
};

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    T: Store,
{
    /// A body that cannot be kept goes straight to the client, checked against the pin on its way.
    pub(super) fn unkept(&self, response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let pin = self.target.expect;
        let body = match pin {
            // A body without bytes has no last one to hold back until it is judged.
            Some(_) if body.size_hint().exact() == Some(0) => {
                self.judged(Sha256::of(b""))?;
                body
            }
            Some(pin) => Body::stream(VerifyBody::new(body, pin)),
            None => body,
        };
        Ok(self.past_the_store(parts, pin).map(|()| body))
    }

    /// The head of something that is not stored: nobody has seen the bytes, so nothing is said of their
    /// digest.
    pub(super) fn unseen(&self, response: Response<Body>) -> Response<Body> {
        let (parts, _) = response.into_parts();
        let head = self.past_the_store(parts, None);
        head.map(|()| Body::empty())
    }

    fn past_the_store(&self, mut parts: response::Parts, digest: Option<Sha256>) -> Response<()> {
        let media_type = self.rules.archive.media_type;
        parts.headers =
            status::archive_fields(&parts.headers, &self.target.uri, digest, media_type);
        let miss = HeaderValue::from_static("MISS");
        parts.headers.insert(X_CACHE_STATUS, miss);
        let how = forwarded(ForwardReason::UriMiss, &parts);
        let mut response = Response::from_parts(parts, ());
        status::describe(&mut response, self.rules.name, &how, Served::Miss);
        response
    }
}
