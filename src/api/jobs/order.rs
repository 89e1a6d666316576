//! What is asked of a job: the documents of the routes that start one, and the key under which asking
//! twice is asking once.

use std::num::NonZeroU64;

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::target_uri::TargetUri,
};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use super::{ApiError, JobRoutes, invalid};
use crate::{
    api::json,
    artifact::Filter,
    catalog::JobKey,
    error::Error,
    jobs::{
        Order, Refused, Started,
        refresh::{self, Subjects},
        schedule,
        scrub::{self, Terms},
        warm::{self, Format, Manifest, Options, Unreadable},
    },
    telemetry::label::JobKind,
};

/// Longest key of a client, in bytes.
const MAX_KEY: usize = 255;
/// Largest document, in bytes: a lock file may be long.
const MAX_DOCUMENT: u64 = 32 << 20;

/// The key of a client, if it sent one.
pub(super) struct Key(Option<String>);

/// How everything is to be hashed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// Most bytes that are read in a second.
    bytes_per_second: Option<NonZeroU64>,
    /// Whether what is damaged is moved aside and fetched again.
    #[serde(default)]
    heal: bool,
}

/// How the scrub is to go on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scrub {
    /// Most bytes that are read in a second, unless as it is configured.
    bytes_per_second: Option<NonZeroU64>,
}

impl Key {
    /// Out of the field `Idempotency-Key`.
    pub(super) fn of(fields: &HeaderMap) -> Result<Self, BoxError> {
        let Some(value) = fields.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = value.to_str().ok();
        let text = text.filter(|text| (1..=MAX_KEY).contains(&text.len()));
        let reason = "must have 1 to 255 visible characters";
        let text = text.ok_or_else(|| invalid("Idempotency-Key", reason))?;
        Ok(Self(Some(text.to_owned())))
    }

    /// With what was asked under it.
    fn for_document(self, route: &str, document: &[u8]) -> Option<JobKey> {
        let asked = [route.as_bytes(), b"\n", document].concat();
        let asked = *Sha256::of(&asked).as_bytes();
        self.0.map(|key| JobKey { key, asked })
    }
}

/// What is to be warmed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Warm {
    /// URLs.
    #[serde(default)]
    urls: Vec<String>,
    /// A list of URLs, sums, or a lock file.
    #[serde(default)]
    text: String,
    /// What it is called, for people.
    #[serde(default)]
    name: String,
    /// In which form the text is.
    #[serde(default)]
    format: Format,
    /// What names of files are relative to.
    base_url: Option<String>,
    /// The registry or index that names of packages are looked up in.
    index: Option<String>,
    /// Downloads at the same time.
    parallel: Option<usize>,
}

/// What is to be refreshed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// URLs, stored or not.
    urls: Option<Vec<String>>,
    /// What is stored of URLs that start with this.
    prefix: Option<String>,
    /// What is stored of this host.
    host: Option<String>,
    /// Requests at the same time.
    parallel: Option<usize>,
}

impl JobRoutes {
    /// Starts to hash everything.
    pub(super) async fn verify(&self, key: Key, body: Body) -> Result<Started, BoxError> {
        let (wanted, key) = document::<Verify>("verify", key, body).await?;
        let order = Order::new(JobKind::Verify, "everything that is stored");
        let terms = Terms {
            bytes_per_second: wanted.bytes_per_second,
            heals: wanted.heal,
            goes_on: false,
        };
        self.hash(order.alone().under(key), terms).await
    }

    /// Begins a round of the scrub, or goes on with the one that was left.
    pub(super) async fn scrub(&self, key: Key, body: Body) -> Result<Started, BoxError> {
        let (wanted, key) = document::<Scrub>("scrub", key, body).await?;
        let terms = schedule::scrub_terms(&self.config.load());
        let terms = Terms {
            bytes_per_second: wanted.bytes_per_second.or(terms.bytes_per_second),
            ..terms
        };
        let order = Order::new(JobKind::Scrub, "on demand");
        self.hash(order.alone().under(key), terms).await
    }

    async fn hash(&self, order: Order, terms: Terms) -> Result<Started, BoxError> {
        let (means, metrics) = (self.means.clone(), self.metrics.clone());
        let work = move |job| scrub::run(means, metrics, terms, job);
        self.jobs.start(order, work).await.map_err(refused)
    }

    /// Starts to bring what a text names.
    pub(super) async fn warm(&self, key: Key, body: Body) -> Result<Started, BoxError> {
        let (wanted, key) = document::<Warm>("warm", key, body).await?;
        let config = self.config.load_full();
        let options = Options {
            format: wanted.format,
            base_url: wanted.base_url,
            index: wanted.index,
            mirrors: schedule::mirrors(&config),
        };
        let parallel = parallel(wanted.parallel, config.warm.parallel)?;
        let (urls, text) = (wanted.urls.join("\n"), wanted.text);
        let parse = move || {
            let mut manifest = Manifest::parse(&text, &options)?;
            let format = Format::Urls;
            let urls = Manifest::parse(
                &urls,
                &Options {
                    format,
                    ..Options::default()
                },
            )?;
            manifest.items.extend(urls.items);
            Ok::<_, Unreadable>(manifest)
        };
        let manifest = tokio::task::spawn_blocking(parse).await?;
        let manifest = manifest.map_err(|error| invalid("body", &error.to_string()))?;
        let about = match wanted.name.as_str() {
            "" => format!("{} URLs", manifest.items.len()),
            name => name.to_owned(),
        };
        let (order, means) = (
            Order::new(JobKind::Warm, &about).under(key),
            self.means.clone(),
        );
        let work = move |job| warm::run(means, manifest, parallel, job);
        self.jobs.start(order, work).await.map_err(refused)
    }

    /// Starts to ask origins whether they have something else by now.
    pub(super) async fn refresh(&self, key: Key, body: Body) -> Result<Started, BoxError> {
        let (wanted, key) = document::<Refresh>("refresh", key, body).await?;
        let parallel = parallel(wanted.parallel, self.config.load().warm.parallel)?;
        let (about, subjects) = wanted.subjects()?;
        let (order, means) = (
            Order::new(JobKind::Refresh, &about).under(key),
            self.means.clone(),
        );
        let work = move |job| refresh::run(means, subjects, parallel, job);
        self.jobs.start(order, work).await.map_err(refused)
    }
}

impl Refresh {
    fn subjects(self) -> Result<(String, Subjects), BoxError> {
        let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let has_filter = is_given(&self.prefix) || is_given(&self.host);
        match (self.urls, has_filter) {
            (Some(urls), false) => {
                let parsed = urls.iter().map(|url| url.parse::<TargetUri>());
                let wrong = |_| invalid("urls", "must be absolute http or https URLs");
                let parsed = parsed.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
                let about = match &parsed[..] {
                    [one] => one.as_str().to_owned(),
                    many => format!("{} URLs", many.len()),
                };
                Ok((about, Subjects::Urls(parsed)))
            }
            (None, true) => {
                let about = [self.prefix.as_deref(), self.host.as_deref()];
                let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let filter = Filter {
                    prefix: self.prefix,
                    host: self.host.map(|host| host.to_ascii_lowercase()),
                    ..Filter::default()
                };
                Ok((about, Subjects::Filter(Box::new(filter))))
            }
            _ => Err(invalid(
                "body",
                "give urls, or at least one of prefix and host",
            )),
        }
    }
}

fn parallel(wanted: Option<usize>, otherwise: usize) -> Result<usize, BoxError> {
    let parallel = wanted.unwrap_or(otherwise);
    if !(1..=warm::MAX_PARALLEL).contains(&parallel) {
        return Err(invalid("parallel", "must be a number from 1 to 64"));
    }
    Ok(parallel)
}

/// The document of a client; nothing at all stands for one without fields.
async fn document<T: DeserializeOwned>(
    route: &str,
    key: Key,
    body: Body,
) -> Result<(T, Option<JobKey>), BoxError> {
    let bytes = json::read(body, MAX_DOCUMENT).await?;
    let bytes = if bytes.is_empty() {
        b"{}".to_vec()
    } else {
        bytes
    };
    let wanted = serde_json::from_slice(&bytes);
    let wanted = wanted.map_err(|error| invalid("body", &error.to_string()))?;
    Ok((wanted, key.for_document(route, &bytes)))
}

pub(in crate::api) fn refused(refused: Refused) -> BoxError {
    let message = refused.to_string();
    match refused {
        Refused::Running(_) | Refused::OtherWords(_) => Error::Conflict { message }.into(),
        Refused::TooMany | Refused::Stopping => {
            let retry_after = std::time::Duration::from_secs(10);
            Error::Overloaded { retry_after }.into()
        }
        Refused::Catalog(error) => ApiError::Internal(error.into()).into(),
    }
}
