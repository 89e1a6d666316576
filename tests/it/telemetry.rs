//! Telemetry: log lines, metrics, and the documents that explain them. Helpers of all three are here.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod log;
mod manual;
mod metrics;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use artifact_cache::{
    clock::Clock,
    config::logging::{Format, Logging},
    error::Error,
    telemetry::{
        access::{
            Answered, Asked, Downloaded, Failed, Listening, OriginAsked, Responded, TunnelClosed,
            TurnedAway,
        },
        label::{Door, Rejected, UpstreamError},
        log::Log,
        metrics::Metrics,
    },
};
use artifact_cache_layers::extensions::Served;
use http::StatusCode;
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::{filter::dynamic_filter_fn, layer::SubscriberExt as _};

const URL: &str = "https://example.com/a.tar.gz";

/// What a log wrote.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

fn settings(level: &str, format: Format) -> Logging {
    Logging {
        level: level.into(),
        format,
    }
}

/// Keeps every call site open to every log.
///
/// A call site remembers whether any log wants it. One that is met for the first time in one test just
/// as another test starts its log would remember that nobody does; with a log that may want anything
/// from the start, none remembers anything.
fn open_every_call_site() {
    static WANTS_ANYTHING: OnceLock<Dispatch> = OnceLock::new();
    WANTS_ANYTHING.get_or_init(|| {
        let anything = dynamic_filter_fn(|_, _| true);
        Dispatch::new(tracing_subscriber::registry().with(anything))
    });
}

/// Runs `events` under a log of their own and gives its lines.
fn logged(settings: &Logging, events: impl FnOnce(&Log)) -> Vec<String> {
    open_every_call_site();
    let output = Output::default();
    let dropped = Metrics::new().log_lines_dropped.clone();
    let (dispatch, log) =
        artifact_cache::telemetry::log::to(settings, Clock::system(), output.clone(), dropped)
            .unwrap();
    tracing::dispatcher::with_default(&dispatch, || events(&log));
    log.flush();
    output.lines()
}

fn objects(events: impl FnOnce()) -> Vec<Value> {
    let lines = logged(&settings("trace", Format::Json), |_| events());
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn asked() -> Asked<'static> {
    Asked {
        source_url: URL,
        client: Some("192.0.2.100:54321".parse().unwrap()),
        request_id: None,
        duration: Duration::from_micros(45_900),
    }
}

fn answered(served: Served) -> Answered<'static> {
    Answered {
        asked: asked(),
        served,
        size_bytes: 95_847_362,
    }
}

fn emit_everything(metrics: &Metrics) {
    open_every_call_site();
    let seconds = Duration::from_secs;
    for served in [
        Served::Hit,
        Served::Validated,
        Served::Stale,
        Served::Miss,
        Served::Bypass,
    ] {
        answered(served).emit(metrics);
    }
    answered(Served::Hit).emit_left(metrics);
    Failed {
        asked: asked(),
        error: &Error::NotFound,
    }
    .emit(metrics);
    Downloaded {
        source_url: URL,
        size_bytes: 5000,
        duration: seconds(1),
    }
    .emit(metrics);
    for result in [
        Ok(StatusCode::NOT_FOUND),
        Ok(StatusCode::NOT_MODIFIED),
        Err(UpstreamError::Dns),
    ] {
        OriginAsked {
            source_url: URL,
            result,
            duration: seconds(2),
        }
        .emit(metrics);
    }
    emit_doors(metrics);
}

fn emit_doors(metrics: &Metrics) {
    Responded {
        door: Door::Proxy,
        status: StatusCode::IM_A_TEAPOT,
    }
    .emit(metrics);
    TurnedAway {
        reason: Rejected::Loop,
        client: None,
    }
    .emit(metrics);
    TunnelClosed {
        authority: "example.com:443",
        client: None,
        bytes_up: 3,
        bytes_down: 4,
        duration: Duration::from_secs(1),
    }
    .emit(metrics);
    Listening {
        listener: "main",
        address: "127.0.0.1:8080".parse().unwrap(),
    }
    .emit();
}
