//! Every metric, in one table: name, labels, meaning. Nothing else in the program names a metric.
//!
//! A recorder belongs to one [`Metrics`] and never to the process, so that several caches in one test
//! do not count for each other.

use std::{ops::Deref, sync::Arc};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::{
    instrument::{self, Counter, Durations, Instrument, Kind, Level, Series, Sizes},
    label::{
        Class, Delivery, Dimension, Direction, Door, Handshake, Healed, Inside, JobEnd, JobKind,
        Outcome, Rejected, Uncached, UpstreamError, UpstreamMode, UpstreamOutcome, Version, Warmed,
    },
};
use crate::artifact::Totals;

/// One metric as documentation and dashboards know it.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name.
    pub name: &'static str,
    /// What Prometheus calls it.
    pub kind: Kind,
    /// Its labels and all their values.
    pub dimensions: &'static [Dimension],
    /// Upper bounds of its buckets, when it is a histogram.
    pub buckets: &'static [f64],
    /// What it counts.
    pub help: &'static str,
}

macro_rules! table {
    ($($name:literal => $field:ident: $type:ty, $help:literal;)+) => {
        /// The handle of every metric.
        pub struct Instruments {
            $(#[doc = $help] pub $field: $type,)+
        }

        impl Instruments {
            fn register(recorder: &PrometheusRecorder) -> Self {
                $(instrument::describe(recorder, <$type>::KIND, $name, $help);)+
                Self { $($field: <$type>::register(recorder, &metrics::Key::from_static_name($name)),)+ }
            }

            fn publish(&self) {
                $(self.$field.publish();)+
            }
        }

        /// Every metric, in the order of the documentation.
        pub const TABLE: &[Description] = &[$(Description {
            name: $name,
            kind: <$type>::KIND,
            dimensions: <$type>::DIMENSIONS,
            buckets: <$type>::BUCKETS,
            help: $help,
        },)+];
    };
}

table! {
    "artifact_cache_requests_total" => requests: Series<Outcome>, "Total number of cache requests";
    "artifact_cache_downloads_total" => downloads: Counter, "Total number of upstream downloads";
    "artifact_cache_bytes_downloaded_total" => bytes_downloaded: Counter, "Total bytes downloaded from upstream";
    "artifact_cache_bytes_served_total" => bytes_served: Counter, "Total bytes served to clients";
    "artifact_cache_items_total" => items: Level, "Number of cached artifacts";
    "artifact_cache_size_bytes" => size_bytes: Level, "Total size of distinct cached content";
    "artifact_cache_request_duration_seconds" => request_duration: Durations, "Request duration in seconds";
    "artifact_cache_download_size_bytes" => download_size: Sizes, "Size of finished downloads in bytes";
    "artifact_cache_fills_in_flight" => fills_in_flight: Level, "Downloads into the store under way";
    "artifact_cache_followers_in_flight" => followers_in_flight: Level, "Clients reading a download that is under way";
    "artifact_cache_resumed_total" => resumed: Counter, "Downloads continued with a range request after a break";
    "artifact_cache_collapsed_total" => collapsed: Counter, "Requests that joined another request's download";
    "artifact_cache_stale_total" => stale: Counter, "Stale responses served";
    "artifact_cache_revalidated_total" => revalidated: Counter, "Stored responses that the origin confirmed";
    "artifact_cache_evicted_total" => evicted: Counter, "Artifacts removed to make room";
    "artifact_cache_evicted_bytes_total" => evicted_bytes: Counter, "Bytes on disk that were freed to make room";
    "artifact_cache_bypassed_total" => bypassed: Counter, "Requests forwarded without asking the cache";
    "artifact_cache_corrupt_total" => corrupt: Counter, "Stored files that were missing or had other bytes than recorded";
    "artifact_cache_uncached_total" => uncached: Series<Uncached>, "Responses passed on without being stored, by reason";
    "artifact_cache_upstream_requests_total" => upstream_requests: Series<UpstreamOutcome>, "Requests sent to origins, by outcome";
    "artifact_cache_upstream_seconds" => upstream_duration: Durations, "Seconds until the head of an origin's response";
    "artifact_cache_upstream_errors_total" => upstream_errors: Series<UpstreamError>, "Failed requests to origins, by reason";
    "artifact_cache_circuit_open" => circuit_open: Level, "Origins that are not asked at present because they kept failing";
    "artifact_cache_upstream_mode" => upstream_mode: Series<UpstreamMode, Level>, "Whether origins may be asked: 1 for the mode in force";
    "artifact_cache_withheld_total" => withheld: Counter, "Requests for which an origin would have been asked, had it been allowed";
    "artifact_cache_tunnels_in_flight" => tunnels_in_flight: Level, "CONNECT tunnels open";
    "artifact_cache_tunnel_bytes_total" => tunnel_bytes: Series<Direction>, "Bytes through CONNECT tunnels, by direction";
    "artifact_cache_intercepted_total" => intercepted: Series<Inside>, "CONNECT tunnels that ended here, by what came of it";
    "artifact_cache_connections_in_flight" => connections_in_flight: Level, "Client connections open";
    "artifact_cache_tls_handshakes_total" => tls_handshakes: Series<Handshake>, "TLS handshakes with clients, by outcome";
    "artifact_cache_responses_total" => responses: Series<(Door, Class)>, "Responses sent, by door and class of status code";
    "artifact_cache_rejected_total" => rejected: Series<Rejected>, "Requests turned away, by reason";
    "artifact_cache_models_warmed_total" => models_warmed: Series<Warmed>, "Artifacts of models brought into the cache when they went into production, by what came of it";
    "artifact_cache_webhook_attempts_total" => webhook_attempts: Series<Delivery>, "Attempts to deliver messages about models, by what came of them";
    "artifact_cache_webhooks_waiting" => webhooks_waiting: Level, "Messages about models that are not delivered yet";
    "artifact_cache_jobs_running" => jobs_running: Series<JobKind, Level>, "Jobs at work, by kind";
    "artifact_cache_jobs_total" => jobs: Series<(JobKind, JobEnd)>, "Jobs that ended, by kind and how";
    "artifact_cache_job_failures_total" => job_failures: Series<JobKind>, "Single URLs and artifacts that jobs failed with, by kind";
    "artifact_cache_scrubbed_bytes_total" => scrubbed_bytes: Counter, "Bytes of stored artifacts that jobs have hashed again";
    "artifact_cache_scrub_position_bytes" => scrub_position: Level, "How far the present round of the scrub has come, in bytes of artifacts; 0 between rounds";
    "artifact_cache_healed_total" => healed: Series<Healed>, "Damaged or missing artifacts that were found, by whether their bytes could be fetched again";
    "artifact_cache_quarantine_files" => quarantine_files: Level, "Damaged files that were moved aside";
    "artifact_cache_quarantine_bytes" => quarantine_bytes: Level, "Bytes of damaged files that were moved aside";
    "artifact_cache_catalog_size_bytes" => catalog_size: Level, "Size of the catalog on disk";
    "artifact_cache_catalog_commits_total" => catalog_commits: Counter, "Transactions committed to the catalog";
    "artifact_cache_allocated_bytes" => allocated: Level, "Blocks on disk of all stored artifacts, those that wait for their removal included";
    "artifact_cache_reserved_bytes" => reserved: Level, "Room promised to downloads and uploads under way, and taken by downloads left to be continued";
    "artifact_cache_max_bytes" => max_bytes: Level, "The cap of artifacts and downloads on disk; 0 is none";
    "artifact_cache_disk_free_bytes" => disk_free: Level, "Free space on the file system of the artifacts";
    "artifact_cache_partial_files" => partial_files: Level, "Unfinished downloads on disk";
    "artifact_cache_log_lines_dropped_total" => log_lines_dropped: Counter, "Log lines dropped because standard output was too slow";
    "artifact_cache_build_info" => build_info: Series<Version, Level>, "The version that is running; always 1";
}

/// All metrics of one cache. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Registered>);

struct Registered {
    instruments: Instruments,
    prometheus: PrometheusHandle,
}

impl Metrics {
    /// Registers every metric at zero.
    #[must_use]
    pub fn new() -> Self {
        let histograms = TABLE.iter().filter(|metric| metric.kind == Kind::Histogram);
        let builder = histograms.fold(PrometheusBuilder::new(), with_buckets);
        let recorder = builder.build_recorder();
        let instruments = Instruments::register(&recorder);
        instruments.build_info.of(Version).set(1);
        Self(Arc::new(Registered {
            instruments,
            prometheus: recorder.handle(),
        }))
    }

    /// Every metric in the text format of Prometheus, in order of name.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.instruments.publish();
        let text = self.0.prometheus.render();
        // The exporter's order differs from one time to the next.
        let mut families: Vec<&str> = text.split_terminator("\n\n").collect();
        families.sort_unstable();
        families.join("\n\n") + "\n"
    }

    /// Moves recorded values into their buckets; to be called every few seconds. Values of histograms
    /// pile up in memory until this or [`Metrics::render`] is called.
    pub fn upkeep(&self) {
        self.0.prometheus.run_upkeep();
    }

    /// Sets the levels that the store keeps.
    pub fn totals(&self, totals: &Totals) {
        self.items.set(totals.total_items);
        self.size_bytes.set(totals.total_size_bytes);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Metrics {
    type Target = Instruments;

    fn deref(&self) -> &Instruments {
        &self.0.instruments
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[expect(
    clippy::expect_used,
    reason = "only an empty list of buckets is refused, and none is"
)]
fn with_buckets(builder: PrometheusBuilder, metric: &Description) -> PrometheusBuilder {
    let name = Matcher::Full(metric.name.to_owned());
    builder
        .set_buckets_for_metric(name, metric.buckets)
        .expect("buckets are constants")
}

impl Description {
    /// Its unit, as its name says.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match instrument::unit(self.name) {
            metrics::Unit::Seconds => "seconds",
            metrics::Unit::Bytes => "bytes",
            _ => "",
        }
    }
}

/// The table of metrics as a page of Markdown shows it.
#[must_use]
pub fn markdown() -> String {
    let rows = TABLE.iter().map(|metric| {
        let labels = metric.dimensions.iter().map(|dimension| {
            let values: Vec<String> = dimension
                .values
                .iter()
                .map(|value| format!("`{value}`"))
                .collect();
            // The version's value changes with every release.
            if dimension.name == "version" {
                "`version`".into()
            } else {
                format!("`{}`: {}", dimension.name, values.join(", "))
            }
        });
        let labels: Vec<String> = labels.collect();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        format!(
            "| `{}` | {kind} | {} | {} | {} |\n",
            metric.name,
            metric.unit(),
            labels.join("; "),
            metric.help
        )
    });
    let head = "| Name | Kind | Unit | Labels | Meaning |\n|---|---|---|---|---|\n";
    std::iter::once(head.to_owned()).chain(rows).collect()
}
