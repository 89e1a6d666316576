//! [`ObjectClient`]: what can be done with the objects of one store. Requests leave through the service
//! that it is given, which connects, signs and retries what can be repeated.

use std::{sync::Arc, time::Duration};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    semantics::object_name::escaped,
    sigv4::Payload,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::{
    Endpoint, ObjectError, Operation, Page, Refusal,
    fields::{object_fields, value},
    head::Head,
    listed::listed,
    multipart::Unfinished,
    xml,
};

/// The service that requests leave through.
pub type Exchange = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// The most that is read of a list or of another answer that is no object.
const MOST: usize = 16 << 20;

/// How often a request with a body is sent again, and the wait before that; each further one is twice as
/// long.
const RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Words that go along with an object, by names without `x-amz-meta-`.
pub type Metadata = Vec<(String, String)>;

/// The objects of one store. Clones share it.
#[derive(Clone)]
pub struct ObjectClient {
    exchange: Exchange,
    endpoint: Arc<Endpoint>,
    pub(super) unfinished: Unfinished,
}

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) bucket: &'a str,
    /// Empty for the bucket itself.
    pub(super) key: &'a str,
    /// Escaped already.
    pub(super) query: String,
    pub(super) fields: HeaderMap,
    pub(super) bytes: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, bucket: &'a str, key: &'a str) -> Self {
        Self {
            method,
            bucket,
            key,
            query: String::new(),
            fields: HeaderMap::new(),
            bytes: Bytes::new(),
        }
    }
}

impl ObjectClient {
    /// A client of `endpoint`.
    #[must_use]
    pub fn new(exchange: Exchange, endpoint: Arc<Endpoint>) -> Self {
        Self {
            exchange,
            endpoint,
            unfinished: Unfinished::default(),
        }
    }

    /// The store.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, ObjectError> {
        let mut ask = Ask::new(Method::HEAD, bucket, key);
        ask.fields = Head::request_fields();
        match self.send(ask).await {
            Ok(response) => Ok(Some(Head::of(response.headers()))),
            Err(ObjectError::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the bucket is there and may be used.
    ///
    /// # Errors
    /// When it is not, or the store cannot be asked. The answer is the store's clock, if it told.
    pub async fn head_bucket(&self, bucket: &str) -> Result<Option<String>, ObjectError> {
        let response = self.send(Ask::new(Method::HEAD, bucket, "")).await?;
        let date = response.headers().get(header::DATE);
        Ok(date.and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// An object, or the part of it that `range` names in the form of the field `Range`; `None` when
    /// there is none. The body is what the store sends: whoever reads it checks it against the head.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(Head, Body)>, ObjectError> {
        let mut ask = Ask::new(Method::GET, bucket, key);
        ask.fields = Head::request_fields();
        if let Some(range) = range {
            ask.fields.insert(header::RANGE, value(range)?);
        }
        match self.send(ask).await {
            Ok(response) => Ok(Some((Head::of(response.headers()), response.into_body()))),
            Err(ObjectError::Refused(refusal)) if refusal.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object of bytes in memory. The store refuses any others: their digest is signed. It is
    /// also kept as `x-amz-meta-sha256`, where whoever reads the object finds it.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        metadata: &Metadata,
    ) -> Result<Sha256, ObjectError> {
        let digest = Sha256::of(&bytes);
        let mut ask = Ask::new(Method::PUT, bucket, key);
        ask.fields = object_fields(key, digest, metadata)?;
        ask.bytes = bytes;
        self.send(ask).await?;
        Ok(digest)
    }

    /// Removes an object. That there is none is no error.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), ObjectError> {
        let deleted = self.send(Ask::new(Method::DELETE, bucket, key)).await;
        match deleted {
            Err(ObjectError::Refused(refusal)) if refusal.code == "NoSuchKey" => Ok(()),
            other => other.map(drop),
        }
    }

    /// Objects whose key begins with `prefix`, up to a thousand; `after` is [`Page::next`] of the page
    /// before.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Page, ObjectError> {
        let mut ask = Ask::new(Method::GET, bucket, "");
        ask.query = format!("list-type=2&prefix={}", parameter(prefix));
        if let Some(after) = after {
            ask.query = format!("continuation-token={}&{}", parameter(after), ask.query);
        }
        let text = self.text(ask).await?;
        Ok(Page {
            objects: xml::elements(&text, "Contents")
                .filter_map(listed)
                .collect(),
            next: xml::text(&text, "NextContinuationToken").filter(|next| !next.is_empty()),
        })
    }

    /// Sends a request; every answer that is an error is a [`Refusal`]. One with bytes is sent again here
    /// where that may help: below, a body is gone once it is sent.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Response<Body>, ObjectError> {
        let mut again = if ask.bytes.is_empty() { 0 } else { RETRIES };
        let mut wait = FIRST_WAIT;
        loop {
            match self.send_once(&ask).await {
                Err(error) if again > 0 && error.is_transient() => {}
                outcome => return outcome,
            }
            again -= 1;
            tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            wait *= 2;
        }
    }

    async fn send_once(&self, ask: &Ask<'_>) -> Result<Response<Body>, ObjectError> {
        let request = self.request(ask)?;
        let answer = self.exchange.clone().oneshot(request).await;
        let response = answer.map_err(ObjectError::Unreachable)?;
        match response.extensions().get::<Refusal>() {
            Some(refusal) => Err(refusal.clone().into()),
            None if response.status().is_success() => Ok(response),
            None => Err(Refusal::of(&response, b"").into()),
        }
    }

    /// The text of an answer.
    pub(super) async fn text(&self, ask: Ask<'_>) -> Result<String, ObjectError> {
        let mut body = self.send(ask).await?.into_body();
        let mut text = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(ObjectError::Broken)?;
            text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
            if text.len() > MOST {
                return Err(ObjectError::Malformed("an end within bounds"));
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        // Work that takes long is answered with 200 first, and with its failure later.
        if xml::elements(&text, "Error").next().is_some() {
            let mut failed = Response::new(());
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(Refusal::of(&failed, text.as_bytes()).into());
        }
        Ok(text)
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request<Body>, ObjectError> {
        let address = self.endpoint.address(ask.bucket, ask.key, &ask.query);
        let address = address.map_err(|error| ObjectError::Unsendable(error.to_string()))?;
        let payload = if ask.bytes.is_empty() {
            Payload::Empty
        } else {
            Payload::Digest(Sha256::of(&ask.bytes))
        };
        let mut request = Request::new(Body::from(ask.bytes.clone()));
        *request.method_mut() = ask.method.clone();
        *request.headers_mut() = ask.fields.clone();
        let root = self.endpoint.root().map_err(ObjectError::Unreachable)?;
        request.extensions_mut().insert(Target {
            uri: root,
            mode: Mode::Internal,
            expect: None,
            delivery: Delivery::default(),
            signed: None,
        });
        request.extensions_mut().insert(Operation {
            endpoint: self.endpoint.clone(),
            address,
            payload,
        });
        Ok(request)
    }
}

/// A value in a query: a slash is escaped as well.
pub(crate) fn parameter(text: &str) -> String {
    escaped(text).replace('/', "%2F")
}
