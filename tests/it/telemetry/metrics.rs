//! Every metric is there from the start and counts what it says.

use artifact_cache::{
    artifact::Totals,
    telemetry::{
        instrument::Kind,
        label::Uncached,
        metrics::{Metrics, TABLE},
    },
};

use super::emit_everything;

/// Lines that must be there before anything happened.
const AT_THE_START: [&str; 9] = [
    "artifact_cache_requests_total{status=\"hit\"} 0",
    "artifact_cache_requests_total{status=\"miss\"} 0",
    "artifact_cache_requests_total{status=\"error\"} 0",
    "artifact_cache_downloads_total 0",
    "artifact_cache_items_total 0",
    "artifact_cache_request_duration_seconds_bucket{le=\"0.005\"} 0",
    "artifact_cache_request_duration_seconds_bucket{le=\"600\"} 0",
    "artifact_cache_responses_total{door=\"proxy\",code=\"5xx\"} 0",
    concat!(
        "artifact_cache_build_info{version=\"",
        env!("CARGO_PKG_VERSION"),
        "\"} 1"
    ),
];

/// What [`emit_everything`] and a few handles leave behind, without the prefix of every name.
const AFTER_EVERY_EVENT: [&str; 26] = [
    "requests_total{status=\"hit\"} 4",
    "requests_total{status=\"miss\"} 1",
    "requests_total{status=\"error\"} 1",
    "revalidated_total 1",
    "stale_total 1",
    "bypassed_total 1",
    "request_duration_seconds_count 6",
    "downloads_total 1",
    "download_size_bytes_sum 5000",
    "download_size_bytes_bucket{le=\"4096\"} 0",
    "download_size_bytes_bucket{le=\"16384\"} 1",
    "upstream_requests_total{outcome=\"client_error\"} 1",
    "upstream_requests_total{outcome=\"not_modified\"} 1",
    "upstream_requests_total{outcome=\"failed\"} 1",
    "upstream_errors_total{reason=\"status\"} 1",
    "upstream_errors_total{reason=\"dns\"} 1",
    "upstream_seconds_sum 6",
    "responses_total{door=\"proxy\",code=\"4xx\"} 1",
    "rejected_total{reason=\"loop\"} 1",
    "tunnel_bytes_total{direction=\"up\"} 3",
    "tunnel_bytes_total{direction=\"down\"} 4",
    "uncached_total{reason=\"no_store\"} 1",
    "items_total 6",
    "size_bytes 1099511627776",
    "tunnels_in_flight 1",
    "fills_in_flight 0",
];

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[test]
fn every_metric_is_exported_from_the_start() {
    let text = Metrics::new().render();
    for metric in TABLE {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        assert!(
            text.contains(&format!("# TYPE {} {kind}\n", metric.name)),
            "{}",
            metric.name
        );
        assert!(
            text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)),
            "{}",
            metric.name
        );
        let samples = text
            .lines()
            .filter(|line| line.starts_with(metric.name))
            .count();
        let series: usize = metric
            .dimensions
            .iter()
            .map(|dimension| dimension.values.len())
            .product();
        let buckets = metric.buckets.len();
        // A histogram has the bucket +Inf, a sum and a count as well.
        let expected = if metric.kind == Kind::Histogram {
            buckets + 3
        } else {
            series
        };
        assert_eq!(samples, expected, "{}", metric.name);
    }
    for line in AT_THE_START {
        assert!(has(&text, line), "{line} in\n{text}");
    }
}

#[test]
fn the_documented_metrics_have_their_exact_names_and_kinds() {
    let described = |name: &str| TABLE.iter().find(|metric| metric.name == name).unwrap();
    for name in [
        "requests_total",
        "downloads_total",
        "bytes_downloaded_total",
        "bytes_served_total",
    ] {
        assert_eq!(
            described(&format!("artifact_cache_{name}")).kind,
            Kind::Counter
        );
    }
    for name in ["items_total", "size_bytes"] {
        assert_eq!(
            described(&format!("artifact_cache_{name}")).kind,
            Kind::Gauge
        );
    }
    for name in ["request_duration_seconds", "download_size_bytes"] {
        let metric = described(&format!("artifact_cache_{name}"));
        assert_eq!(metric.kind, Kind::Histogram);
        assert!(metric.dimensions.is_empty());
    }
    let buckets = described("artifact_cache_request_duration_seconds").buckets;
    assert_eq!(
        buckets,
        [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0
        ],
    );
}

#[test]
fn every_event_counts_what_it_says() {
    let metrics = Metrics::new();
    emit_everything(&metrics);
    metrics.uncached.of(Uncached::NoStore).increment();
    metrics.totals(&Totals {
        total_items: 6,
        total_size_bytes: 1 << 40,
        ..Totals::default()
    });
    let tunnel = metrics.tunnels_in_flight.enter();
    drop(metrics.fills_in_flight.enter());

    let text = metrics.render();
    for line in AFTER_EVERY_EVENT {
        let line = format!("artifact_cache_{line}");
        assert!(has(&text, &line), "{line} in\n{text}");
    }
    drop(tunnel);
    assert!(
        metrics
            .render()
            .contains("artifact_cache_tunnels_in_flight 0\n")
    );
}

#[test]
fn two_caches_in_one_process_count_for_themselves() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.clone().downloads.increment();
    one.upkeep();
    assert!(one.render().contains("artifact_cache_downloads_total 1\n"));
    assert!(
        other
            .render()
            .contains("artifact_cache_downloads_total 0\n")
    );
}

#[test]
fn metrics_are_rendered_in_the_same_order_each_time() {
    let metrics = Metrics::new();
    let order = |text: String| {
        let types = text.lines().filter(|line| line.starts_with("# TYPE"));
        types.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = order(metrics.render());
    assert!(first.is_sorted(), "{first:?}");
    assert_eq!(first, order(metrics.render()));
}
