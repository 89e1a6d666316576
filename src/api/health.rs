//! `/health` for people and monitors, `/healthz` for liveness probes, `/readyz` for load balancers.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use artifact_cache_layers::body::Body;
use http::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ApiError, answer, timestamp::rfc3339};
use crate::config::server::Profile;

/// The state that the health routes report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The time of the report.
    pub now: SystemTime,
    /// Where blobs are kept.
    pub cache_dir: PathBuf,
    /// Whether paths of this machine may be resolved.
    pub allow_local_paths: bool,
    /// The object store that is asked when none is named; `None` for AWS.
    pub s3_endpoint_url: Option<String>,
    /// Why no new work should be sent here, if so.
    pub not_ready: Option<NotReady>,
    /// Whether uploads are refused because less space is free than they have to leave.
    pub is_full_for_uploads: bool,
}

/// Why a cache that runs should get no new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum NotReady {
    /// Less space is free than the configuration wants to keep free.
    #[serde(rename = "low disk")]
    DiskLow,
    /// The directories of the store take no files.
    #[serde(rename = "storage not writable")]
    NotWritable,
    /// The cache is shutting down.
    #[serde(rename = "draining")]
    Draining,
}

/// State and version.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub(super) struct Report {
    status: &'static str,
    timestamp: String,
    version: &'static str,
    cache_dir: String,
    allow_local_paths: bool,
    s3_endpoint_url: Option<String>,
}

/// What the service said that did nothing but resolve.
#[derive(Serialize)]
struct OfResolve<'a> {
    status: &'static str,
    cache_dir: &'a Path,
    allow_local_paths: bool,
    s3_endpoint_url: Option<&'a str>,
}

/// A word.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alive")]
pub(super) struct Status {
    status: &'static str,
}

/// Whether work should be sent here.
#[derive(Serialize, JsonSchema)]
pub(super) struct Readiness {
    status: &'static str,
    reason: Option<NotReady>,
}

/// The program runs and answers, in the words that the clients of a listener's profile know. Stays 200
/// while it is not ready: monitors look for `healthy`.
pub(super) fn health(health: &Health, profile: Profile) -> Result<Response<Body>, ApiError> {
    match profile {
        Profile::Resolve => answer::json(StatusCode::OK, &OfResolve::of(health)),
        Profile::Registry => answer::json(StatusCode::OK, &Status { status: "healthy" }),
        _ => everything(health),
    }
}

impl<'a> OfResolve<'a> {
    fn of(health: &'a Health) -> Self {
        Self {
            status: "ok",
            cache_dir: &health.cache_dir,
            allow_local_paths: health.allow_local_paths,
            s3_endpoint_url: health.s3_endpoint_url.as_deref(),
        }
    }
}

fn everything(health: &Health) -> Result<Response<Body>, ApiError> {
    answer::json(
        StatusCode::OK,
        &Report {
            status: "healthy",
            timestamp: rfc3339(health.now),
            version: env!("CARGO_PKG_VERSION"),
            cache_dir: health.cache_dir.display().to_string(),
            allow_local_paths: health.allow_local_paths,
            s3_endpoint_url: health.s3_endpoint_url.clone(),
        },
    )
}

/// The program runs.
pub(super) fn alive() -> Result<Response<Body>, ApiError> {
    answer::json(StatusCode::OK, &Status { status: "ok" })
}

/// Whether new work should be sent here. Where all work is files, their bound of free space counts too.
pub(super) fn ready(health: &Health, profile: Profile) -> Result<Response<Body>, ApiError> {
    let is_full = profile == Profile::DataBank && health.is_full_for_uploads;
    let full = is_full.then_some(NotReady::DiskLow);
    let reason = health.not_ready.or(full);
    let (code, status) = match reason {
        None => (StatusCode::OK, "ready"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
    };
    answer::json(code, &Readiness { status, reason })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Api,
            fake::{Memory, body_of, head, json_of},
        },
        *,
    };

    #[tokio::test]
    async fn health_has_the_keys_of_every_document_that_defines_it() {
        let api = Api::new(Memory::with(0));
        let health = json_of(api.answer(&head("GET", "/health")).await.unwrap()).await;
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["timestamp"], "2024-11-17T10:30:45Z");
        assert_eq!(health["cache_dir"], "/data/cache");
        assert_eq!(health["allow_local_paths"], false);
        assert!(health["s3_endpoint_url"].is_null());
        assert!(health["version"].is_string());
    }

    #[tokio::test]
    async fn readiness_says_why_not() {
        let mut memory = Memory::with(0);
        let ready = Api::new(memory.clone())
            .answer(&head("GET", "/readyz"))
            .await
            .unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
        assert_eq!(body_of(ready).await, r#"{"status":"ready","reason":null}"#);

        for (reason, text) in [
            (NotReady::DiskLow, "low disk"),
            (NotReady::NotWritable, "storage not writable"),
            (NotReady::Draining, "draining"),
        ] {
            memory.not_ready = Some(reason);
            let api = Api::new(memory.clone());
            let answer = api.answer(&head("GET", "/readyz")).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = json_of(answer).await;
            assert_eq!(
                (&body["status"], &body["reason"]),
                (&"degraded".into(), &text.into())
            );
            let health = api.answer(&head("GET", "/health")).await.unwrap();
            assert_eq!(health.status(), StatusCode::OK);
        }
    }
}
