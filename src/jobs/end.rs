//! The end of a job, in words and numbers.

use std::error::Error;

use crate::{
    catalog::{JobRecord, JobState},
    telemetry::label::JobEnd,
};

/// How a job ended, as metrics have it.
pub(super) const fn word(state: JobState) -> JobEnd {
    match state {
        JobState::Done => JobEnd::Done,
        JobState::Failed => JobEnd::Failed,
        JobState::Cancelled => JobEnd::Cancelled,
        JobState::Interrupted | JobState::Running => JobEnd::Interrupted,
    }
}

/// The end of a job in the log.
pub(super) fn report(job: &JobRecord) {
    let (number, kind, state) = (job.number, &job.kind, job.state.word());
    let (done, failed, error) = (job.done, job.failed, job.error.as_deref());
    if failed > 0 || error.is_some() {
        tracing::warn!(job = number, kind, state, done, failed, error, "job ended");
    } else {
        tracing::info!(job = number, kind, state, done, "job ended");
    }
}

/// An error with its causes.
pub(super) fn described(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
