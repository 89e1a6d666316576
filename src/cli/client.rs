//! A small HTTP/1.1 client for one server: deadlines on connect, head and every piece of a body, JSON
//! answers of bounded size, and no body that ends early passes as complete. It follows no redirect, so
//! a token goes to the server it is meant for and nowhere else.

use std::{
    future::Future,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use artifact_cache_layers::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use serde_json::Value;
use url::Url;

use super::exit::{Failure, Refusal};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for the head of an answer. The server waits up to 600 s for an origin by default, and
/// a client that gives up first would never see why.
const HEAD: Duration = Duration::from_mins(11);
/// Longest silence within a body.
const SILENCE: Duration = Duration::from_mins(2);
/// Largest JSON answer that is read, in bytes: a full page of long URLs is far below.
const MAX_JSON: usize = 16 << 20;

/// A client of one server.
pub(super) struct Client {
    base: Url,
    token: Option<HeaderValue>,
    pool: Pool<HttpsConnector<HttpConnector>, Body>,
    /// Whether the token goes into `X-API-Key` as well, where older servers look for it.
    has_api_key: bool,
}

/// Why there was no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("no TLS trust roots")]
    Trust(#[source] rustls::Error),
    #[error("cannot form the request")]
    Request(#[source] http::Error),
    #[error("cannot reach the cache at {base} (is it running? --url names another)")]
    Unreachable {
        base: String,
        source: hyper_util::client::legacy::Error,
    },
    #[error("the cache gave no answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error("the transfer broke off after {received} bytes")]
    Broken { received: u64, source: io::Error },
    #[error("the answer is not what the API promises")]
    Malformed(#[source] serde_json::Error),
}

/// A body whose end is known to be its end.
pub(super) struct Transfer {
    body: Incoming,
    /// Length in bytes, when the head named it.
    pub(super) length: Option<u64>,
    /// Bytes received so far.
    pub(super) received: u64,
}

impl Client {
    /// A client of the server at `base`, which may have a path of its own.
    pub(super) fn new(base: Url, token: Option<HeaderValue>) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(base.scheme())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        let has_api_key = false;
        Ok(Self {
            base,
            token,
            pool,
            has_api_key,
        })
    }

    /// Sends a request for `target` (path and query) and returns the answer, whatever its status.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        fields: HeaderMap,
    ) -> Result<Response<Incoming>, ClientError> {
        self.ask(self.request(method, target, fields, Body::empty())?)
            .await
    }

    /// The same client, which sends its token in `X-API-Key` as well.
    pub(super) fn with_api_key(self) -> Self {
        Self {
            has_api_key: true,
            ..self
        }
    }

    /// Sends a body of any length and returns the JSON that answers it. It may take as long as it comes
    /// on, which `progress` shows; an error answer is a failure.
    pub(super) async fn upload(
        &self,
        (method, target): (Method, &str),
        fields: HeaderMap,
        body: Body,
        progress: &AtomicU64,
    ) -> Result<Value, Failure> {
        let request = self
            .pool
            .request(self.request(method, target, fields, body)?);
        let mut request = std::pin::pin!(request);
        let mut before = progress.load(Ordering::Relaxed);
        let answer = loop {
            if let Ok(answer) = tokio::time::timeout(HEAD, &mut request).await {
                break answer.map_err(|source| self.unreachable(source))?;
            }
            let now = progress.load(Ordering::Relaxed);
            if now == before {
                return Err(ClientError::Late(HEAD).into());
            }
            before = now;
        };
        let (head, body) = accepted(answer).await?.into_parts();
        let text = Transfer::of(&head.headers, body).text().await?;
        Ok(serde_json::from_slice(&text).map_err(ClientError::Malformed)?)
    }

    fn unreachable(&self, source: hyper_util::client::legacy::Error) -> ClientError {
        ClientError::Unreachable {
            base: self.base.to_string(),
            source,
        }
    }

    /// Sends a JSON document and returns the one that answers it; an error answer is a failure.
    pub(super) async fn post_json(&self, target: &str, value: &Value) -> Result<Value, Failure> {
        self.send_json(Method::POST, target, value).await
    }

    /// The same by another method.
    pub(super) async fn send_json(
        &self,
        method: Method,
        target: &str,
        value: &Value,
    ) -> Result<Value, Failure> {
        let json = HeaderValue::from_static("application/json");
        let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        let body = Body::from(value.to_string());
        let answer = self
            .ask(self.request(method, target, fields, body)?)
            .await?;
        let (head, body) = accepted(answer).await?.into_parts();
        let text = Transfer::of(&head.headers, body).text().await?;
        Ok(serde_json::from_slice(&text).map_err(ClientError::Malformed)?)
    }

    /// Sends a request without a body and returns the JSON that answers it.
    pub(super) async fn act(
        &self,
        method: Method,
        target: &str,
        fields: HeaderMap,
    ) -> Result<Value, Failure> {
        let (head, body) = accepted(self.send(method, target, fields).await?)
            .await?
            .into_parts();
        let text = Transfer::of(&head.headers, body).text().await?;
        Ok(serde_json::from_slice(&text).map_err(ClientError::Malformed)?)
    }

    /// Sends a JSON document and returns the answer, whatever its status, to be read as it comes.
    pub(super) async fn stream(
        &self,
        method: Method,
        target: &str,
        value: &Value,
    ) -> Result<Response<Incoming>, ClientError> {
        let json = HeaderValue::from_static("application/json");
        let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        let body = Body::from(value.to_string());
        self.ask(self.request(method, target, fields, body)?).await
    }

    async fn ask(&self, request: Request<Body>) -> Result<Response<Incoming>, ClientError> {
        within(HEAD, self.pool.request(request))
            .await?
            .map_err(|source| self.unreachable(source))
    }

    /// The JSON document at `target`; an error answer is a failure.
    pub(super) async fn json(&self, target: &str) -> Result<(HeaderMap, Value), Failure> {
        let answer = self.send(Method::GET, target, HeaderMap::new()).await?;
        let answer = accepted(answer).await?;
        let (head, body) = answer.into_parts();
        let text = Transfer::of(&head.headers, body).text().await?;
        let value = serde_json::from_slice(&text).map_err(ClientError::Malformed)?;
        Ok((head.headers, value))
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        fields: HeaderMap,
        body: Body,
    ) -> Result<Request<Body>, ClientError> {
        let base = self.base.as_str().trim_end_matches('/');
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{target}"))
            .body(body)
            .map_err(ClientError::Request)?;
        *request.headers_mut() = fields;
        let agent = concat!("artifact-cache/", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::from_static(agent);
        request.headers_mut().insert(header::USER_AGENT, agent);
        if let Some(token) = &self.token {
            let fields = request.headers_mut();
            fields.insert(header::AUTHORIZATION, token.clone());
            let key = token.as_bytes().strip_prefix(b"Bearer ");
            let key = key.filter(|_| self.has_api_key);
            if let Some(Ok(mut key)) = key.map(HeaderValue::from_bytes) {
                key.set_sensitive(true);
                fields.insert("x-api-key", key);
            }
        }
        Ok(request)
    }
}

impl Transfer {
    /// The body that follows `fields`.
    pub(super) fn of(fields: &HeaderMap, body: Incoming) -> Self {
        let named = fields
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            length: named.or_else(|| body.size_hint().exact()),
            body,
            received: 0,
        }
    }

    /// The next bytes; `None` only after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let Some(frame) = within(SILENCE, self.body.frame()).await? else {
                return self.ended();
            };
            let frame = frame.map_err(|error| self.broken(io::Error::other(error)))?;
            if let Ok(data) = frame.into_data() {
                self.received += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }

    /// The connection closed in good order. Fewer bytes than announced are still a broken transfer.
    fn ended(&self) -> Result<Option<Bytes>, ClientError> {
        match self.length {
            Some(length) if length != self.received => {
                Err(self.broken(io::ErrorKind::UnexpectedEof.into()))
            }
            _ => Ok(None),
        }
    }

    /// All of it, as long as it is not more than an answer of the API can be.
    async fn text(mut self) -> Result<Vec<u8>, ClientError> {
        let mut text = Vec::new();
        while let Some(data) = self.next().await? {
            text.extend_from_slice(&data);
            if text.len() > MAX_JSON {
                return Err(self.broken(io::ErrorKind::FileTooLarge.into()));
            }
        }
        Ok(text)
    }

    fn broken(&self, source: io::Error) -> ClientError {
        ClientError::Broken {
            received: self.received,
            source,
        }
    }
}

/// The answer if it is a success, the server's error otherwise.
pub(super) async fn accepted(answer: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    // An error without a readable body is still that error.
    let text = Transfer::of(&head.headers, body).text().await;
    let body = text
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or(Value::Null);
    Err(Failure::Refused(Refusal {
        status: head.status,
        body,
    }))
}

/// The refusal that an answer without a body stands for.
pub(super) fn refused(status: StatusCode) -> Failure {
    let body = Value::Null;
    Failure::Refused(Refusal { status, body })
}

async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, ClientError> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| ClientError::Late(limit))
}

/// The machine's trust roots; they are read only when the server speaks TLS.
fn tls(scheme: &str) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    if scheme == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Trust)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
