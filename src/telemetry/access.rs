//! What happens to requests and transfers, as events: each is a struct whose `emit` writes its log line
//! and counts it, so that the two cannot disagree.

use std::{error::Error, net::SocketAddr, time::Duration};

use artifact_cache_layers::extensions::Served;
use http::StatusCode;
use tracing::field::DisplayValue;

use super::{
    label::{Class, Direction, Door, Outcome, Rejected, UpstreamError, UpstreamOutcome},
    metrics::Metrics,
};

/// Who asked for what, and how long it took until the last byte had left.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The URL of the artifact.
    pub source_url: &'a str,
    /// The client; none when the program asked for itself.
    pub client: Option<SocketAddr>,
    /// The request's id, as the client saw it.
    pub request_id: Option<&'a str>,
    /// From the request's head to the response's last byte.
    pub duration: Duration,
}

/// A request to the cache was answered in full.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The request.
    pub asked: Asked<'a>,
    /// How it was answered.
    pub served: Served,
    /// Length of the body that was sent.
    pub size_bytes: u64,
}

/// A request to the cache failed, before or within its body.
#[derive(Clone, Copy)]
pub struct Failed<'a> {
    /// The request.
    pub asked: Asked<'a>,
    /// Why.
    pub error: &'a (dyn Error + 'static),
}

/// An artifact was downloaded and stored.
#[derive(Clone, Copy, Debug)]
pub struct Downloaded<'a> {
    /// The URL of the artifact.
    pub source_url: &'a str,
    /// Length of the body that arrived.
    pub size_bytes: u64,
    /// From the request to the origin to the end of the body.
    pub duration: Duration,
}

/// An origin answered, or did not.
#[derive(Clone, Copy, Debug)]
pub struct OriginAsked<'a> {
    /// What was asked for.
    pub source_url: &'a str,
    /// Its status, or why there is none.
    pub result: Result<StatusCode, UpstreamError>,
    /// Until the head of its response arrived, or until it was given up.
    pub duration: Duration,
}

/// A response left, through whichever door.
#[derive(Clone, Copy, Debug)]
pub struct Responded {
    /// The door.
    pub door: Door,
    /// The status that was sent.
    pub status: StatusCode,
}

/// A request was turned away before it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct TurnedAway {
    /// Why.
    pub reason: Rejected,
    /// The client.
    pub client: Option<SocketAddr>,
}

/// A tunnel closed.
#[derive(Clone, Copy, Debug)]
pub struct TunnelClosed<'a> {
    /// Host and port that the client named.
    pub authority: &'a str,
    /// The client.
    pub client: Option<SocketAddr>,
    /// Bytes from the client.
    pub bytes_up: u64,
    /// Bytes to the client.
    pub bytes_down: u64,
    /// How long it was open.
    pub duration: Duration,
}

/// A listener accepts connections.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// Which one: `main` or `metrics`.
    pub listener: &'static str,
    /// Its address, with the real port.
    pub address: SocketAddr,
}

/// A message is part of its call site, so each kind of answer needs one of its own.
macro_rules! log_answer {
    ($answered:expr, $message:literal) => {
        tracing::info!(
            source_url = $answered.asked.source_url,
            size_bytes = $answered.size_bytes,
            duration_ms = milliseconds($answered.asked.duration),
            client_ip = shown($answered.asked.client),
            request_id = $answered.asked.request_id,
            $message
        )
    };
}

impl Answered<'_> {
    /// Logs the answer and counts it.
    pub fn emit(&self, metrics: &Metrics) {
        match self.served {
            Served::Hit => self.hit(metrics),
            Served::Validated => {
                metrics.revalidated.increment();
                self.hit(metrics);
            }
            Served::Stale => {
                metrics.stale.increment();
                self.hit(metrics);
            }
            Served::Miss => {
                self.count(metrics, Outcome::Miss);
                log_answer!(self, "cache MISS - downloaded from upstream");
            }
            // Not a request to the cache, so neither a hit nor a miss.
            Served::Bypass => {
                metrics.bypassed.increment();
                log_answer!(self, "cache BYPASS");
            }
        }
    }

    /// The client left before the last byte, which is no failure of the cache's: logs and counts it as
    /// served, with the bytes that were.
    pub fn emit_left(&self, metrics: &Metrics) {
        match self.served {
            Served::Hit | Served::Validated | Served::Stale => self.count(metrics, Outcome::Hit),
            Served::Miss => self.count(metrics, Outcome::Miss),
            Served::Bypass => metrics.bypassed.increment(),
        }
        log_answer!(self, "client left");
    }

    fn hit(&self, metrics: &Metrics) {
        self.count(metrics, Outcome::Hit);
        log_answer!(self, "cache HIT");
    }

    fn count(&self, metrics: &Metrics, outcome: Outcome) {
        metrics.requests.of(outcome).increment();
        metrics.request_duration.record(self.asked.duration);
    }
}

impl Failed<'_> {
    /// Logs the failure and counts it.
    pub fn emit(&self, metrics: &Metrics) {
        let asked = self.asked;
        metrics.requests.of(Outcome::Error).increment();
        metrics.request_duration.record(asked.duration);
        tracing::error!(
            source_url = asked.source_url,
            error = self.error,
            duration_ms = milliseconds(asked.duration),
            client_ip = shown(asked.client),
            request_id = asked.request_id,
            "fetch failed"
        );
    }
}

impl Downloaded<'_> {
    /// Counts the download. The bytes are counted by whoever reads them, as they arrive.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.downloads.increment();
        metrics.download_size.record(self.size_bytes);
        tracing::debug!(
            source_url = self.source_url,
            size_bytes = self.size_bytes,
            duration_ms = milliseconds(self.duration),
            "download finished"
        );
    }
}

impl OriginAsked<'_> {
    /// Counts the request. A failure that is tried again is no failure of the client's request yet.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.upstream_duration.record(self.duration);
        let outcome = self
            .result
            .map_or(UpstreamOutcome::Failed, UpstreamOutcome::from);
        metrics.upstream_requests.of(outcome).increment();
        if let Some(reason) = self.failure() {
            metrics.upstream_errors.of(reason).increment();
        }
        tracing::debug!(
            source_url = self.source_url,
            outcome = outcome.word(),
            reason = self.result.err().map(UpstreamError::word),
            status_code = self.result.ok().map(|status| status.as_u16()),
            duration_ms = milliseconds(self.duration),
            "origin asked"
        );
    }

    fn failure(&self) -> Option<UpstreamError> {
        match self.result {
            Ok(status) if status.is_client_error() || status.is_server_error() => {
                Some(UpstreamError::Status)
            }
            Ok(_) => None,
            Err(reason) => Some(reason),
        }
    }
}

impl Responded {
    /// Counts the response.
    pub fn emit(&self, metrics: &Metrics) {
        metrics
            .responses
            .of((self.door, Class::from(self.status)))
            .increment();
    }
}

impl TurnedAway {
    /// Counts the rejection. It is logged for debugging only: a flood must not fill the log as well.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rejected.of(self.reason).increment();
        tracing::debug!(
            reason = self.reason.word(),
            client_ip = shown(self.client),
            "request rejected"
        );
    }
}

impl TunnelClosed<'_> {
    /// Logs the tunnel and counts its bytes.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.tunnel_bytes.of(Direction::Up).add(self.bytes_up);
        metrics
            .tunnel_bytes
            .of(Direction::Down)
            .add(self.bytes_down);
        tracing::info!(
            authority = self.authority,
            bytes_up = self.bytes_up,
            bytes_down = self.bytes_down,
            duration_ms = milliseconds(self.duration),
            client_ip = shown(self.client),
            "tunnel closed"
        );
    }
}

impl Listening {
    /// Logs the address. Whoever starts the program waits for this line.
    pub fn emit(&self) {
        tracing::info!(address = %self.address, listener = self.listener, "listening");
    }
}

fn shown(client: Option<SocketAddr>) -> Option<DisplayValue<SocketAddr>> {
    client.map(tracing::field::display)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
