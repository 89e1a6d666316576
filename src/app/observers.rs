//! Who is told of connections, requests to origins and tunnels: the metrics and the log.

use std::{net::SocketAddr, time::Duration};

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};
use http::StatusCode;

use crate::{
    clock::Clock,
    proxy::{self, Closed, Entered, Refusal},
    server,
    telemetry::{
        access::{OriginAsked, TunnelClosed},
        label::{Handshake, Inside, UpstreamError},
        metrics::Metrics,
        origins::Origins,
    },
    upstream::{self, Reason},
};

/// Counts and logs what the server, the way out and the tunnels report.
#[derive(Debug)]
pub(super) struct Observers {
    metrics: Metrics,
    origins: Origins,
    clock: Clock,
}

impl Observers {
    pub(super) fn new(metrics: Metrics, origins: Origins, clock: Clock) -> Self {
        Self {
            metrics,
            origins,
            clock,
        }
    }
}

impl server::Observe for Observers {
    fn opened(&self, _peer: SocketAddr) {
        self.metrics.connections_in_flight.raise();
    }

    fn shook_hands(&self, resumed: bool) {
        let outcome = if resumed {
            Handshake::Resumed
        } else {
            Handshake::Full
        };
        self.metrics.tls_handshakes.of(outcome).increment();
    }

    fn not_opened(&self, peer: SocketAddr, failure: &server::NotOpened) {
        if failure.in_handshake {
            self.metrics
                .tls_handshakes
                .of(Handshake::Failed)
                .increment();
        }
        let error = &*failure.cause as &dyn std::error::Error;
        tracing::debug!(client_ip = %peer, error, "connection not opened");
    }

    fn closed(&self, peer: SocketAddr, failure: Option<&BoxError>) {
        self.metrics.connections_in_flight.lower();
        if let Some(error) = failure {
            let error = &**error as &dyn std::error::Error;
            tracing::debug!(client_ip = %peer, error, "connection broke off");
        }
    }
}

impl upstream::Observe for Observers {
    fn withheld(&self) {
        self.metrics.withheld.increment();
    }

    fn asked(&self, uri: &TargetUri, end: Result<StatusCode, Option<Reason>>, duration: Duration) {
        let source_url = uri.as_str();
        let result = end.map_err(label);
        let authority = format!("{}:{}", uri.host(), uri.port());
        let last = match &result {
            Ok(status) => (status.as_str().to_owned(), status.is_server_error()),
            Err(reason) => (reason.word().to_owned(), *reason != UpstreamError::Policy),
        };
        let now = self.clock.now();
        self.origins.asked(&authority, last, duration, now);
        OriginAsked {
            source_url,
            result,
            duration,
        }
        .emit(&self.metrics);
    }
}

fn label(reason: Option<Reason>) -> UpstreamError {
    match reason {
        None => UpstreamError::Policy,
        Some(Reason::Dns) => UpstreamError::Dns,
        Some(Reason::Tls) => UpstreamError::Tls,
        Some(Reason::ConnectTimeout | Reason::Timeout) => UpstreamError::Timeout,
        Some(Reason::Throttled) => UpstreamError::Status,
        Some(Reason::Connect | Reason::CircuitOpen) => UpstreamError::Connect,
        Some(_) => UpstreamError::Reset,
    }
}

impl proxy::Observe for Observers {
    fn refused(&self, refusal: &Refusal) {
        if refusal.is_withheld() {
            self.metrics.withheld.increment();
        }
        tracing::info!(error = refusal as &dyn std::error::Error, "tunnel refused");
    }

    fn entered(&self, authority: &str, inside: Entered) {
        let outcome = match inside {
            Entered::Tls => Inside::Tls,
            Entered::Plain => Inside::Plain,
        };
        self.metrics.intercepted.of(outcome).increment();
        tracing::debug!(authority, outcome = outcome.word(), "tunnel entered");
    }

    fn unwilling(&self, authority: &str, peer: SocketAddr, error: &BoxError) {
        self.metrics.intercepted.of(Inside::Unwilling).increment();
        let error = &**error as &dyn std::error::Error;
        tracing::warn!(
            authority,
            client_ip = %peer,
            error,
            "client refuses interception, its tunnels to this host pass for a while"
        );
    }

    fn not_entered(&self, authority: &str, peer: SocketAddr, error: &BoxError) {
        self.metrics.intercepted.of(Inside::Failed).increment();
        let error = &**error as &dyn std::error::Error;
        tracing::info!(authority, client_ip = %peer, error, "tunnel not entered");
    }

    fn opened(&self) {
        self.metrics.tunnels_in_flight.raise();
    }

    fn closed(&self, tunnel: &Closed<'_>) {
        self.metrics.tunnels_in_flight.lower();
        TunnelClosed {
            authority: tunnel.authority,
            client: tunnel.peer,
            bytes_up: tunnel.traffic.sent,
            bytes_down: tunnel.traffic.received,
            duration: tunnel.duration,
        }
        .emit(&self.metrics);
    }
}
