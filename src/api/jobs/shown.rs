//! A job as the API shows it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::timestamp::rfc3339,
    catalog::{JobFailure, JobRecord},
};

/// A job.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub(in crate::api) struct JobShown {
    id: u64,
    /// What it does.
    kind: String,
    /// `running`, `done`, `failed`, `cancelled` or `interrupted`.
    state: &'static str,
    /// What it is about, in words.
    about: String,
    created_at: String,
    ended_at: Option<String>,
    progress: Progress,
    /// How many URLs or artifacts it failed with.
    failed: u64,
    /// Why it failed as a whole.
    error: Option<String>,
    /// The first of what it failed with; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<Failure>>,
    /// What it found, as its kind has it; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Value>,
}

/// How far a job has come.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobProgress")]
struct Progress {
    /// What it is doing.
    step: String,
    done: u64,
    /// Where it is known.
    total: Option<u64>,
    /// What is counted: `bytes`, `urls`.
    unit: String,
    /// What it is at.
    position: Option<String>,
}

/// Something that a job could not do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobFailure")]
struct Failure {
    /// A URL or a digest.
    subject: String,
    reason: String,
}

/// Jobs, the latest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Jobs")]
pub(super) struct JobList {
    pub(super) items: Vec<JobShown>,
    pub(super) next_cursor: Option<String>,
}

impl JobShown {
    /// All of it.
    pub(super) fn of(mut job: JobRecord) -> Self {
        let failures = std::mem::take(&mut job.failures);
        let report = serde_json::from_str(&job.report).unwrap_or(Value::Null);
        Self {
            failures: Some(failures.into_iter().map(Failure::of).collect()),
            report: Some(report),
            ..Self::in_list(job)
        }
    }

    /// The same without what may be long.
    pub(super) fn in_list(job: JobRecord) -> Self {
        Self {
            id: job.number,
            kind: job.kind,
            state: job.state.word(),
            about: job.about,
            created_at: rfc3339(job.created_at),
            ended_at: job.ended_at.map(rfc3339),
            progress: Progress {
                step: job.step,
                done: job.done,
                total: job.total,
                unit: job.unit,
                position: (!job.position.is_empty()).then_some(job.position),
            },
            failed: job.failed,
            error: job.error,
            failures: None,
            report: None,
        }
    }
}

impl Failure {
    fn of(failure: JobFailure) -> Self {
        let JobFailure { subject, reason } = failure;
        Self { subject, reason }
    }
}
