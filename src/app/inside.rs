//! Serves the inside of tunnels that end here with the stack that serves everything else.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use artifact_cache_layers::{body::Body, extensions::Once, target::Intercepted};
use http::{
    Method, Request, Uri,
    header::HOST,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::{
    access::Caller,
    proxy::{Inner, Inside, Serve},
    server::{Limits, Protocol, serve_inside},
    stack::Edge,
};

/// What serves tunnels: `edge`, which takes each request for one of its tunnel's origin.
pub(super) fn serve(edge: Edge, limits: Limits, stop: CancellationToken) -> Serve {
    let edge = Mutex::new(edge);
    Arc::new(move |inside: Inside| {
        let edge = edge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (limits, stop) = (limits.clone(), stop.clone());
        Box::pin(async move {
            let protocol = if inside.is_http2 {
                Protocol::Http2
            } else {
                Protocol::Http1
            };
            let stack = Within {
                edge,
                scheme: inside.scheme,
                authority: inside.authority,
                caller: inside.extensions.get().cloned(),
            };
            let io = (inside.io, inside.peer);
            if let Err(error) = serve_inside(io, protocol, stack, &limits, &stop).await {
                let error = &*error as &dyn std::error::Error;
                tracing::debug!(client_ip = %inside.peer, error, "connection in a tunnel broke off");
            }
        })
    })
}

/// The stack inside one tunnel.
#[derive(Clone)]
struct Within {
    edge: Edge,
    scheme: &'static str,
    authority: Authority,
    /// Who opened the tunnel: inside, nothing is said to us.
    caller: Option<Caller>,
}

impl Within {
    /// The request with its whole target, as a proxy gets it. One that names another host keeps that
    /// name, for which it is refused later on.
    fn whole(&self, request: &mut Request<Body>) {
        request.extensions_mut().insert(Inner);
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        if self.scheme == "https" {
            let tunnel = Intercepted(self.authority.clone());
            request.extensions_mut().insert(tunnel);
        }
        if request.method() == Method::CONNECT {
            return;
        }
        let named = named(request).unwrap_or_else(|| self.authority.clone());
        if !self.is_own(&named) {
            request.extensions_mut().insert(Once);
        }
        let authority = if self.scheme == "https" && !self.is_own(&named) {
            named
        } else {
            self.authority.clone()
        };
        if let Some(uri) = absolute(self.scheme, authority, request.uri()) {
            *request.uri_mut() = uri;
        }
    }

    fn is_own(&self, named: &Authority) -> bool {
        let default = if self.scheme == "https" { 443 } else { 80 };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        named.host().eq_ignore_ascii_case(self.authority.host())
            && port(named) == port(&self.authority)
    }
}

/// The authority that the request itself names.
fn named(request: &Request<Body>) -> Option<Authority> {
    let in_field = || request.headers().get(HOST)?.to_str().ok()?.parse().ok();
    request.uri().authority().cloned().or_else(in_field)
}

fn absolute(scheme: &str, authority: Authority, uri: &Uri) -> Option<Uri> {
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::try_from(scheme).ok()?);
    parts.authority = Some(authority);
    let path = uri.path_and_query().cloned();
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).ok()
}

impl Service<Request<Body>> for Within {
    type Response = <Edge as Service<Request<Body>>>::Response;
    type Error = <Edge as Service<Request<Body>>>::Error;
    type Future = <Edge as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.edge.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        self.whole(&mut request);
        self.edge.call(request)
    }
}
