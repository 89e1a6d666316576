//! Hashing everything that is stored, once because somebody asked, or round after round at a bounded rate.
//! What is damaged or gone is told; if that is wanted it is also taken out of use and brought back.

mod heal;
mod position;

use std::{num::NonZeroU64, time::Instant};

use artifact_cache_layers::digest::Sha256;
use serde_json::json;
use tokio::task::spawn_blocking;

use self::position::Position;
pub use self::position::is_unfinished;
use super::{Job, JobError, warm::Means};
use crate::{
    catalog::BlobRecord,
    store::verify::{Pace, Verdict, VerifyError, unreadable, verify_blob_while},
    telemetry::metrics::Metrics,
};

/// Blobs listed in one read of the catalog.
const BATCH: usize = 256;
/// Seconds between two notes of how far a round has come.
const NOTE: u64 = 5;

/// How to hash.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Most bytes in a second.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Whether to take out of use and bring back what is damaged.
    pub heals: bool,
    /// Whether to go on where the last round was left, and to note how far this one comes.
    pub goes_on: bool,
}

/// Hashes every blob.
///
/// # Errors
/// When it is halted, or the catalog cannot be read or written.
pub async fn run(means: Means, metrics: Metrics, terms: Terms, job: Job) -> Result<(), JobError> {
    let catalog = means.store.catalog().clone();
    let noted = if terms.goes_on {
        Position::noted(&catalog)?
    } else {
        None
    };
    let position = noted.unwrap_or_else(|| Position::begin(catalog.clock().now()));
    let mut walk = Walk {
        means,
        metrics,
        terms,
        job,
        position,
        noted: Instant::now(),
    };
    let walked = walk.run().await;
    walk.metrics.scrub_position.set(0);
    match &walked {
        Ok(()) => walk.complete().await?,
        // How far it came is kept, whatever ended it.
        Err(_) => walk.note().await?,
    }
    walked
}

struct Walk {
    means: Means,
    metrics: Metrics,
    terms: Terms,
    job: Job,
    position: Position,
    noted: Instant,
}

impl Walk {
    async fn run(&mut self) -> Result<(), JobError> {
        let total = self.means.store.catalog().totals()?.total_size_bytes;
        self.job.step("hashing", Some(total), "bytes");
        self.job.advance(self.position.bytes);
        self.tell();
        loop {
            let (catalog, after) = (self.means.store.catalog().clone(), self.position.after);
            let list = move || catalog.blobs(after.as_ref(), BATCH);
            let batch = spawn_blocking(list).await.map_err(panicked)??;
            if batch.is_empty() {
                return Ok(());
            }
            for (digest, record) in batch {
                self.look(digest, record).await?;
                self.position.after = Some(digest);
                self.tell();
                if self.noted.elapsed().as_secs() >= NOTE {
                    self.note().await?;
                }
            }
        }
    }

    async fn look(&mut self, digest: Sha256, record: BlobRecord) -> Result<(), JobError> {
        self.job.go_on()?;
        self.job.at(&digest.to_string());
        let Some(fault) = self.fault(digest, record).await? else {
            self.position.count(record.size_bytes);
            return Ok(());
        };
        // Removed since it was listed: that is no fault.
        if self.means.store.catalog().blob(&digest)?.is_none() {
            return Ok(());
        }
        self.position.count(record.size_bytes);
        let is_missing = matches!(fault, Fault::Verdict(Verdict::Missing));
        let tally = if is_missing {
            &mut self.position.missing
        } else {
            &mut self.position.damaged
        };
        *tally += 1;
        if !self.terms.heals {
            self.job.fail(&digest.to_string(), &fault.to_string());
            return Ok(());
        }
        self.heal(digest, &fault.to_string()).await
    }

    /// What is wrong with a blob.
    async fn fault(&self, digest: Sha256, record: BlobRecord) -> Result<Option<Fault>, JobError> {
        let pace = Pace {
            bytes_per_second: self.terms.bytes_per_second,
        };
        let (blobs, job, metrics) = (
            self.means.store.blobs().clone(),
            self.job.clone(),
            self.metrics.clone(),
        );
        let look = move || {
            let mut go_on = |bytes| {
                job.advance(bytes);
                metrics.scrubbed_bytes.add(bytes);
                job.rest(pace.rest_after(bytes).unwrap_or_default()).is_ok()
            };
            verify_blob_while((&blobs, &digest), record.size_bytes, &mut go_on)
        };
        match spawn_blocking(look).await.map_err(panicked)? {
            Ok(None) => Err(JobError::Halted),
            Ok(Some(Verdict::Sound)) => Ok(None),
            Ok(Some(verdict)) => Ok(Some(Fault::Verdict(verdict))),
            Err(error @ VerifyError::Blob { .. }) => Ok(Some(Fault::Unreadable(error))),
            Err(error) => Err(JobError::Failed(error.into())),
        }
    }

    async fn heal(&mut self, digest: Sha256, fault: &str) -> Result<(), JobError> {
        let healing = heal::heal(&self.means, digest);
        let healed = tokio::select! {
            healed = healing => healed.map_err(JobError::Failed)?,
            () = self.job.halted() => return Err(JobError::Halted),
        };
        match healed {
            heal::Healed::ByItself => {}
            heal::Healed::From(url) => {
                tracing::warn!(sha256 = %digest, fault, url, "a damaged artifact was brought back");
                self.metrics
                    .healed
                    .of(crate::telemetry::label::Healed::Healed)
                    .increment();
                self.position.healed += 1;
            }
            heal::Healed::Not(reason) => {
                tracing::error!(sha256 = %digest, fault, reason, "a damaged artifact is lost");
                self.metrics
                    .healed
                    .of(crate::telemetry::label::Healed::Lost)
                    .increment();
                self.position.lost += 1;
                self.job
                    .fail(&digest.to_string(), &format!("{fault}; {reason}"));
            }
        }
        Ok(())
    }

    async fn note(&mut self) -> Result<(), JobError> {
        self.noted = Instant::now();
        if self.terms.goes_on {
            self.position.note(self.means.store.catalog()).await?;
        }
        Ok(())
    }

    /// A round that came to its end and left nothing damaged clears what came before it.
    async fn complete(&self) -> Result<(), JobError> {
        if self.terms.goes_on {
            Position::forget(self.means.store.catalog()).await?;
        }
        if self.terms.heals {
            let begun = self.position.begun();
            self.means.store.clear_suspicion(begun).await?;
        }
        Ok(())
    }

    fn tell(&self) {
        let at = &self.position;
        if self.terms.goes_on {
            self.metrics.scrub_position.set(at.bytes);
        }
        self.job.report(json!({
            "blobs": at.blobs,
            "bytes": at.bytes,
            "intact": at.blobs - at.damaged - at.missing,
            "damaged": at.damaged,
            "missing": at.missing,
            "healed": at.healed,
            "lost": at.lost,
        }));
    }
}

/// What is wrong with a blob.
#[derive(Debug)]
enum Fault {
    Verdict(Verdict),
    Unreadable(VerifyError),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Unreadable(error) => f.write_str(&unreadable(error)),
        }
    }
}

fn panicked(error: tokio::task::JoinError) -> JobError {
    JobError::Failed(error.into())
}
