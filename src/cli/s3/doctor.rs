//! `s3 doctor`: asks the store whether keys, bucket and clock are right, and ends uploads that nobody
//! ended.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::json;

use super::{Store, failure};
use crate::{
    artifacts_store::{ArtifactsStore, StorageError},
    cli::{exit::Failure, output::Output},
    clock::Clock,
    s3::multipart::Upload,
    telemetry::timestamp::Timestamp,
};

/// A signature is good for so long before and after the store's time.
const SKEW: Duration = Duration::from_mins(15);

/// Arguments of `s3 doctor`.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// Abort uploads in parts that were begun and never ended
    #[arg(long)]
    sweep: bool,
    /// Only those begun so many hours ago; what is younger may still be under way
    #[arg(long, value_name = "HOURS", default_value_t = 24, requires = "sweep")]
    older_than: u64,
}

impl Doctor {
    pub(super) async fn run(
        &self,
        store: &ArtifactsStore,
        given: &Store,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let client = store.client().map_err(failure)?;
        let settings = store.settings();
        let date = client.head_bucket(&settings.bucket).await;
        let date = date.map_err(|error| failure(StorageError::from(error)))?;
        let now = Clock::system().now();
        let skew = date.and_then(|date| skew(&date, now));
        let aborted = if self.sweep {
            self.sweep(store, now).await?
        } else {
            0
        };
        let endpoint = client.endpoint();
        if given.json {
            let skew = skew.map(|skew| skew.as_secs());
            return out.json(&json!({
                "bucket": settings.bucket, "region": endpoint.region(),
                "clock_skew_seconds": skew, "aborted_uploads": aborted,
            }));
        }
        out.pair("bucket", &settings.bucket)?;
        out.pair("region", endpoint.region())?;
        if let Some(skew) = skew {
            let verdict = if skew > SKEW {
                ", too much for a signature"
            } else {
                ""
            };
            out.pair("clock", &format!("{} s off{verdict}", skew.as_secs()))?;
        }
        if self.sweep {
            out.pair("aborted", &format!("{aborted} uploads"))?;
        }
        Ok(())
    }

    /// Aborts what was begun before the bound; what does not tell when it was begun is left.
    async fn sweep(&self, store: &ArtifactsStore, now: SystemTime) -> Result<usize, Failure> {
        let client = store.client().map_err(failure)?;
        let found = client.uploads(&store.settings().bucket).await;
        let found = found.map_err(|error| failure(StorageError::from(error)))?;
        let bound = now - Duration::from_hours(self.older_than);
        let mut aborted = 0;
        for upload in found.iter().filter(|upload| is_before(upload, bound)) {
            let done = client.abort(upload).await;
            done.map_err(|error| failure(StorageError::from(error)))?;
            aborted += 1;
        }
        Ok(aborted)
    }
}

/// Stores write times as `2026-11-21T13:00:00.000Z`, so that they compare as text.
fn is_before(upload: &Upload, bound: SystemTime) -> bool {
    let bound = Timestamp(bound).to_string();
    !upload.initiated.is_empty() && upload.initiated.get(..19) <= Some(&bound[..19])
}

fn skew(date: &str, now: SystemTime) -> Option<Duration> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    let (ahead, behind) = (now.duration_since(theirs), theirs.duration_since(now));
    ahead.or(behind).ok()
}
