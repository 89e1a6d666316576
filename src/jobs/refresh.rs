//! Refreshing: origins are asked now whether what is stored of them has changed. What they confirm stays,
//! what they changed is fetched, and what they cannot say is left as it is.

use std::sync::{Arc, Mutex, PoisonError};

use artifact_cache_layers::{
    digest::Sha256,
    extensions::Anew,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Job, JobError,
    warm::{MAX_PARALLEL, Means, reason},
};
use crate::{artifact::Filter, catalog::CatalogError};

/// Artifacts listed in one read of the catalog.
const BATCH: usize = 200;

/// What is refreshed.
pub enum Subjects {
    /// These URLs, stored or not.
    Urls(Vec<TargetUri>),
    /// What is stored and passes.
    Filter(Box<Filter>),
}

#[derive(Default)]
struct Tally {
    confirmed: u64,
    changed: u64,
    same: u64,
    new: u64,
}

/// Asks for everything, at most `parallel` at a time.
///
/// # Errors
/// When it is halted, or the catalog cannot be read.
pub async fn run(
    means: Means,
    subjects: Subjects,
    parallel: usize,
    job: Job,
) -> Result<(), JobError> {
    // What is only about to be stored is meant, too.
    means.store.settle().await;
    let mut pages = Pages::new(subjects, &job);
    let refreshing = Arc::new(Refreshing {
        means,
        job: job.clone(),
        tally: Mutex::default(),
    });
    let mut working = JoinSet::new();
    loop {
        while working.len() < parallel.clamp(1, MAX_PARALLEL)
            && let Some(uri) = pages.next(&refreshing.means)?
        {
            let refreshing = refreshing.clone();
            working.spawn(async move { refreshing.url(&uri).await });
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

/// The URLs, of which a filter finds some at a time.
struct Pages {
    here: std::vec::IntoIter<TargetUri>,
    further: Option<Box<Filter>>,
}

impl Pages {
    fn new(subjects: Subjects, job: &Job) -> Self {
        let (here, further) = match subjects {
            Subjects::Urls(urls) => (urls, None),
            Subjects::Filter(filter) => (Vec::new(), Some(filter)),
        };
        let total = further.is_none().then_some(here.len() as u64);
        job.step("asking", total, "urls");
        let here = here.into_iter();
        Self { here, further }
    }

    fn next(&mut self, means: &Means) -> Result<Option<TargetUri>, CatalogError> {
        loop {
            if let Some(uri) = self.here.next() {
                return Ok(Some(uri));
            }
            let Some(mut filter) = self.further.take() else {
                return Ok(None);
            };
            filter.limit = BATCH;
            let page = means.store.catalog().page(&filter)?;
            let urls = page.artifacts.iter();
            let urls: Vec<TargetUri> = urls
                .filter_map(|artifact| artifact.source_url.parse().ok())
                .collect();
            self.here = urls.into_iter();
            self.further = page.next.map(|next| {
                filter.after = next;
                filter
            });
        }
    }
}

struct Refreshing {
    means: Means,
    job: Job,
    tally: Mutex<Tally>,
}

impl Refreshing {
    async fn url(&self, uri: &TargetUri) {
        self.job.at(uri.as_str());
        let before = self.newest(uri);
        let asked = self
            .means
            .cache
            .bring(uri, None, Some(Anew::Confirmed))
            .await;
        // The answer is verified, but its commit may be under way.
        self.means.store.settle().await;
        match (asked, before, self.newest(uri)) {
            (Err(error), _, _) => self.job.fail(uri.as_str(), &reason(&*error)),
            (Ok(Some(artifact_cache_layers::extensions::Served::Validated)), _, _) => {
                self.tally(|tally| tally.confirmed += 1);
            }
            (Ok(_), None, Some(_)) => self.tally(|tally| tally.new += 1),
            (Ok(_), Some(old), Some(new)) if old == new => self.tally(|tally| tally.same += 1),
            (Ok(_), Some(_), Some(_)) => self.tally(|tally| tally.changed += 1),
            (Ok(_), _, None) => self.job.fail(uri.as_str(), "it was not stored"),
        }
        self.job.advance(1);
    }

    fn newest(&self, uri: &TargetUri) -> Option<Sha256> {
        let set = self
            .means
            .store
            .catalog()
            .responses(&CacheKey::of(uri))
            .ok()??;
        set.versions.first().map(|version| version.digest)
    }

    fn tally(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut tally);
        self.job.report(json!({
            "confirmed": tally.confirmed,
            "changed": tally.changed,
            "same": tally.same,
            "new": tally.new,
        }));
    }
}
