//! Hashing everything that is stored, because somebody asked for it: says what is missing or damaged and
//! changes nothing.

use std::num::NonZeroU64;

use artifact_cache_layers::digest::Sha256;
use serde_json::json;

use super::{Job, JobError};
use crate::{
    catalog::BlobRecord,
    store::{
        Store,
        verify::{Pace, Verdict, verify_blob_while},
    },
};

/// Blobs listed in one read of the catalog.
const BATCH: usize = 256;

/// Hashes every blob, at most so many bytes in a second.
///
/// # Errors
/// When it is halted, or the catalog or the disk fail.
pub async fn run(
    store: Store,
    bytes_per_second: Option<NonZeroU64>,
    job: Job,
) -> Result<(), JobError> {
    let walk = Walk {
        store,
        pace: Pace { bytes_per_second },
        job,
        tally: Tally::default(),
    };
    let walked = tokio::task::spawn_blocking(move || walk.run()).await;
    walked.map_err(|error| JobError::Failed(error.into()))?
}

struct Walk {
    store: Store,
    pace: Pace,
    job: Job,
    tally: Tally,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    blobs: u64,
    bytes: u64,
    damaged: u64,
    missing: u64,
}

impl Walk {
    fn run(mut self) -> Result<(), JobError> {
        let total = self.store.catalog().totals()?.total_size_bytes;
        self.job.step("hashing", Some(total), "bytes");
        let mut after = None;
        loop {
            let batch = self.store.catalog().blobs(after.as_ref(), BATCH)?;
            let Some((last, _)) = batch.last() else {
                return Ok(());
            };
            after = Some(*last);
            for (digest, record) in &batch {
                self.look(digest, record)?;
                self.tell();
            }
        }
    }

    fn look(&mut self, digest: &Sha256, record: &BlobRecord) -> Result<(), JobError> {
        let (job, pace) = (&self.job, self.pace);
        job.at(&digest.to_string());
        let mut go_on = |bytes| {
            job.advance(bytes);
            job.rest(pace.rest_after(bytes).unwrap_or_default()).is_ok()
        };
        let blob = (self.store.blobs(), digest);
        let verdict = verify_blob_while(blob, record.size_bytes, &mut go_on);
        let Some(verdict) = verdict.map_err(|error| JobError::Failed(error.into()))? else {
            return Err(JobError::Halted);
        };
        job.go_on()?;
        // Removed since it was listed: that is no fault.
        if verdict == Verdict::Missing && self.store.catalog().blob(digest)?.is_none() {
            return Ok(());
        }
        self.tally.blobs += 1;
        self.tally.bytes += record.size_bytes;
        match verdict {
            Verdict::Sound => {}
            Verdict::Missing => self.tally.missing += 1,
            Verdict::WrongLength { .. } | Verdict::WrongDigest { .. } => self.tally.damaged += 1,
        }
        if verdict != Verdict::Sound {
            self.job.fail(&digest.to_string(), &described(verdict));
        }
        Ok(())
    }

    fn tell(&self) {
        let Tally {
            blobs,
            bytes,
            damaged,
            missing,
        } = self.tally;
        self.job.report(json!({
            "blobs": blobs,
            "bytes": bytes,
            "intact": blobs - damaged - missing,
            "damaged": damaged,
            "missing": missing,
        }));
    }
}

fn described(verdict: Verdict) -> String {
    match verdict {
        Verdict::Sound => "intact".into(),
        Verdict::Missing => "there is no file".into(),
        Verdict::WrongLength { found } => format!("the file has {found} bytes"),
        Verdict::WrongDigest { actual } => format!("the file has the digest {actual}"),
    }
}
