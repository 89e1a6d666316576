//! The pool of connections to origins: TCP by the dialer, TLS on top, one deadline over both.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use artifact_cache_layers::body::{Body, BoxError};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::time::timeout;
use tower::Service;

use super::{Dialer, Reason, Roots, UpstreamFailure, link::Wire};
use crate::config::upstream::Upstream;

/// Connections to origins, kept open between requests.
pub(super) type Pool = Client<Connector, Body>;

/// The largest read buffer of a connection, and so the largest frame of a body. hyper starts with
/// 8 KiB and doubles as long as reads fill it, so that only fast downloads use it.
const READ_BYTES: usize = 1 << 20;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

pub(super) fn pool(settings: &Upstream, dialer: Dialer, tls: ClientConfig) -> Pool {
    let connector = Connector::new(dialer, tls);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new()) // without it idle connections never expire
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(settings.max_idle_connections)
        .http1_max_buf_size(READ_BYTES)
        .set_host(false)
        .build(connector)
}

/// TLS with origins, and with parents that want it.
pub(super) fn tls(roots: Roots) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.0)
        .with_no_client_auth())
}

/// Connects to the origin of a URI.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Tcp>,
    connect_timeout: Duration,
}

impl Connector {
    fn new(dialer: Dialer, tls: ClientConfig) -> Self {
        Self {
            connect_timeout: dialer.connect_timeout(),
            https: HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(Tcp(dialer)),
        }
    }
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Wire>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let connecting = timeout(self.connect_timeout, self.https.call(origin));
        Box::pin(async move {
            match connecting.await {
                Ok(connected) => connected.map_err(dialled_or_tls),
                Err(elapsed) => {
                    Err(UpstreamFailure::caused(Reason::ConnectTimeout, elapsed).into())
                }
            }
        })
    }
}

/// What did not come from below TLS came from TLS.
fn dialled_or_tls(error: BoxError) -> BoxError {
    match error.downcast::<NotDialled>() {
        Ok(below) => below.0,
        Err(tls) => UpstreamFailure::caused(Reason::Tls, tls).into(),
    }
}

/// TCP underneath TLS.
#[derive(Clone)]
struct Tcp(Dialer);

/// An error of the dialer, to be told from one of TLS above it; it does not leave this file.
#[derive(Debug, thiserror::Error)]
#[error("no connection")]
struct NotDialled(#[source] BoxError);

impl Service<Uri> for Tcp {
    type Response = Wire;
    type Error = NotDialled;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NotDialled>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotDialled>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move {
            let host = origin.host().unwrap_or_default();
            let default = if origin.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            let port = origin.port_u16().unwrap_or(default);
            let scheme = origin.scheme_str().unwrap_or("http");
            let connected = dialer.connect_for(scheme, host, port).await;
            connected.map(Wire::new).map_err(NotDialled)
        })
    }
}
