//! A backup into a directory of this machine, because its operator asked for it.

use std::{ops::ControlFlow, path::PathBuf};

use serde_json::json;

use super::{Job, JobError};
use crate::store::{
    Store,
    backup::{BackupError, Progress, Summary, Wanted, make},
};

/// Makes the backup in `directory`.
///
/// # Errors
/// When it is halted, or cannot be made; the one before it is still good.
pub async fn run(
    store: Store,
    directory: PathBuf,
    wanted: Wanted,
    job: Job,
) -> Result<(), JobError> {
    let work = move || {
        job.step("copying", None, "bytes");
        let mut told = 0;
        let mut watch = |progress: Progress| {
            job.expect(progress.of_bytes);
            job.advance(progress.bytes - told);
            told = progress.bytes;
            match job.go_on() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        match make(store.committer(), &directory, wanted, &mut watch) {
            Ok(summary) => {
                tell(&job, &summary);
                Ok(())
            }
            Err(BackupError::Interrupted) => Err(JobError::Halted),
            Err(error) => Err(JobError::Failed(error.into())),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| JobError::Failed(error.into()))?
}

fn tell(job: &Job, summary: &Summary) {
    for digest in &summary.missing {
        job.fail(digest, "there is no file of its length");
    }
    for digest in &summary.damaged {
        job.fail(digest, "the file has another digest");
    }
    job.report(json!(summary));
}
