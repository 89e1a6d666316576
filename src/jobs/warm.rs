//! Warming: what a list or a lock file names is brought into the store before anybody asks for it, several
//! at a time, through the same shared cache as every other request.

mod go;
pub mod manifest;
mod packages;
mod python;
mod rust;

use std::sync::{Arc, Mutex, PoisonError};

use artifact_cache_layers::{
    cause::cause_of,
    digest::Sha256,
    extensions::Served,
    failure::Mismatch,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use serde_json::json;
use tokio::task::JoinSet;

pub use self::manifest::{Format, Manifest, Options, Unreadable};
use super::{Job, JobError, end::described, internal::Internal};
use crate::store::Store;

/// Most downloads of one job at the same time.
pub const MAX_PARALLEL: usize = 64;

/// What a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An artifact by its URL, and the digest that it must have.
    Url(TargetUri, Option<Sha256>),
    /// Files of a project in an index of Python packages: the page with the links, and the digests of the
    /// files.
    Python(TargetUri, Vec<Sha256>),
}

/// What warming works with.
#[derive(Clone)]
pub struct Means {
    /// Where bytes come from.
    pub cache: Internal,
    /// Where they go.
    pub store: Store,
}

#[derive(Default)]
struct Tally {
    brought: u64,
    there: u64,
    bytes: u64,
}

/// Brings everything, at most `parallel` at a time.
///
/// # Errors
/// When it is halted.
pub async fn run(
    means: Means,
    manifest: Manifest,
    parallel: usize,
    job: Job,
) -> Result<(), JobError> {
    let Manifest { items, skipped } = manifest;
    for (subject, reason) in skipped {
        job.fail(&subject, reason);
    }
    job.step("fetching", Some(items.len() as u64), "urls");
    let warming = Arc::new(Warming {
        means,
        job: job.clone(),
        tally: Mutex::default(),
    });
    warming.report();
    let (mut waiting, mut working) = (items.into_iter(), JoinSet::new());
    loop {
        while working.len() < parallel.clamp(1, MAX_PARALLEL)
            && let Some(item) = waiting.next()
        {
            let warming = warming.clone();
            working.spawn(async move { warming.item(item).await });
        }
        tokio::select! {
            () = job.halted() => return Err(JobError::Halted),
            done = working.join_next() => match done {
                None => return Ok(()),
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(JobError::Failed(error.into())),
            },
        }
    }
}

struct Warming {
    means: Means,
    job: Job,
    tally: Mutex<Tally>,
}

impl Warming {
    async fn item(&self, item: Item) {
        match item {
            Item::Url(uri, expect) => self.url(&uri, expect).await,
            Item::Python(page, digests) => self.project(&page, digests).await,
        }
        self.job.advance(1);
        self.report();
    }

    async fn project(&self, page: &TargetUri, digests: Vec<Sha256>) {
        let found = python::files(&self.means.cache, page, digests).await;
        let (files, missing) = match found {
            Ok(found) => found,
            Err(error) => return self.job.fail(page.as_str(), &described(&*error)),
        };
        for digest in missing {
            let reason = format!("no file there has the digest {digest}");
            self.job.fail(page.as_str(), &reason);
        }
        for (uri, digest) in files {
            if self.job.go_on().is_ok() {
                self.url(&uri, Some(digest)).await;
            }
        }
    }

    async fn url(&self, uri: &TargetUri, expect: Option<Sha256>) {
        self.job.at(uri.as_str());
        let served = match self.means.cache.bring(uri, expect, None).await {
            Ok(served) => served,
            Err(error) => return self.job.fail(uri.as_str(), &reason(&*error)),
        };
        // The answer is verified, but its commit may be under way.
        self.means.store.settle().await;
        match self.stored(uri, expect) {
            Some(_) if served == Some(Served::Hit) => self.tally(|tally| tally.there += 1),
            Some(bytes) => self.tally(|tally| {
                tally.brought += 1;
                tally.bytes += bytes;
            }),
            None => {
                let refusal = self.means.store.refusal(&CacheKey::of(uri));
                let reason = refusal.unwrap_or("there is no room, or nobody may keep it");
                self.job
                    .fail(uri.as_str(), &format!("it was not stored: {reason}"));
            }
        }
    }

    /// Length of what is stored of the URL.
    fn stored(&self, uri: &TargetUri, expect: Option<Sha256>) -> Option<u64> {
        let set = self
            .means
            .store
            .catalog()
            .responses(&CacheKey::of(uri))
            .ok()??;
        let mut versions = set.versions.iter();
        let found = match expect {
            Some(digest) => versions.find(|version| version.digest == digest),
            None => versions.next(),
        };
        found.map(|version| version.size_bytes)
    }

    fn tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn report(&self) {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        self.job.report(json!({
            "brought": tally.brought,
            "already_there": tally.there,
            "bytes": tally.bytes,
        }));
    }
}

/// Why an artifact could not be had, shortly where that says all.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    match cause_of::<Mismatch>(error) {
        Some(mismatch) => mismatch.to_string(),
        None => described(error),
    }
}
