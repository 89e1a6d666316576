//! Jobs that are begun again and again: when each was begun last stands in the catalog, so that a restart
//! neither repeats nor forgets one.

use std::{
    num::NonZeroU64,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use artifact_cache_layers::body::BoxError;

use super::{
    Jobs, Order, Refused,
    scrub::{self, Terms},
    warm::{self, Format, Manifest, Means, Options},
};
use crate::{
    catalog::{Catalog, CatalogError, Change},
    config::{Config, warm::Schedule},
    telemetry::{label::JobKind, metrics::Metrics},
};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Begins what is due.
pub async fn round(
    jobs: &Jobs,
    (means, metrics): (&Means, &Metrics),
    config: &Config,
    is_first: bool,
) {
    if let Err(error) = scrub(jobs, means, metrics, config, is_first).await {
        tracing::warn!(error = &*error, "cannot scrub by schedule");
    }
    for (name, schedule) in &config.warm.schedules.0 {
        let begun = warm(jobs, means, (name, schedule), config).await;
        if let Err(error) = begun {
            tracing::warn!(schedule = %name, error = &*error, "cannot warm by schedule");
        }
    }
}

/// How the scrub works by the settings.
#[must_use]
pub fn scrub_terms(config: &Config) -> Terms {
    Terms {
        bytes_per_second: NonZeroU64::new(config.scrub.bytes_per_second.0),
        heals: true,
        goes_on: true,
    }
}

/// Begins a round of the scrub when it is due. One that was interrupted goes on when the cache has just
/// been started; one that was cancelled waits for its time.
async fn scrub(
    jobs: &Jobs,
    means: &Means,
    metrics: &Metrics,
    config: &Config,
    is_first: bool,
) -> Result<(), BoxError> {
    let interval = config.scrub.interval.0;
    if interval.is_zero() {
        return Ok(());
    }
    let catalog = means.store.catalog();
    let goes_on = is_first && scrub::is_unfinished(catalog)?;
    if !begin(catalog, "scrub:begun".into(), interval).await? && !goes_on {
        return Ok(());
    }
    let (means, metrics, terms) = (means.clone(), metrics.clone(), scrub_terms(config));
    let order = Order::new(JobKind::Scrub, "by schedule").alone();
    let work = move |job| scrub::run(means, metrics, terms, job);
    match jobs.start(order, work).await {
        // A round may take longer than the time between two.
        Ok(_) | Err(Refused::Running(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn warm(
    jobs: &Jobs,
    means: &Means,
    (name, schedule): (&str, &Schedule),
    config: &Config,
) -> Result<(), BoxError> {
    let mark = format!("warm:{name}");
    if !begin(means.store.catalog(), mark, schedule.every.0).await? {
        return Ok(());
    }
    let file = schedule.file.clone();
    let text = tokio::task::spawn_blocking(move || read(&file)).await??;
    let options = Options {
        format: Format::Auto,
        base_url: schedule.base_url.clone(),
        index: schedule.index.clone(),
        mirrors: mirrors(config),
    };
    let manifest = Manifest::parse(&text, &options)?;
    let order = Order::new(JobKind::Warm, &format!("schedule {name}"));
    let (means, parallel) = (means.clone(), config.warm.parallel);
    let work = move |job| warm::run(means, manifest, parallel, job);
    jobs.start(order, work).await?;
    Ok(())
}

/// Whether it is time to begin again; then it counts as begun.
async fn begin(catalog: &Catalog, name: String, every: Duration) -> Result<bool, CatalogError> {
    let now = catalog.clock().now();
    let last = catalog.mark(&name)?.and_then(|mark| {
        let seconds = u64::from_be_bytes(mark.try_into().ok()?);
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    });
    // A clock that went back makes it due as well.
    let is_due = last.is_none_or(|last| now.duration_since(last).map_or(true, |age| age >= every));
    if is_due {
        let value = Some(seconds(now).to_be_bytes().to_vec());
        catalog.write(Change::Mark { name, value }).await?;
    }
    Ok(is_due)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The mirrors of a configuration, which stand for indexes by their names.
#[must_use]
pub fn mirrors(config: &Config) -> Vec<(String, String)> {
    let named = config.mirror.named();
    named
        .map(|(name, url)| (name.to_owned(), url.to_owned()))
        .collect()
}

fn read(file: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)?
        .take(MAX_FILE)
        .read_to_string(&mut text)?;
    Ok(text)
}
