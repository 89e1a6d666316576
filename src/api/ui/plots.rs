//! The plots of the first page.

use super::{
    format::{approximate, count, size},
    plot::{Drawing, Kind, Plot},
    series::{Part, Series},
};

/// Requests, hit ratio, throughput and what is stored.
pub(super) fn plots(series: &Series) -> Vec<Plot> {
    let mut plots = Vec::from(of_requests(series));
    plots.extend(of_bytes(series));
    plots
}

fn of_requests(series: &Series) -> [Plot; 2] {
    let requests = Drawing {
        title: "Requests",
        keys: vec!["hits", "misses", "errors"],
        kind: Kind::Bars,
        values: &requests,
        written: &|value| count(rounded(value)),
        least_most: 5.0,
        is_binary: false,
    };
    let ratio = Drawing {
        title: "Hit ratio",
        keys: vec!["hits of what was answered"],
        kind: Kind::Lines,
        values: &ratio,
        written: &|value| format!("{value:.0} %"),
        least_most: 100.0,
        is_binary: false,
    };
    [requests, ratio].map(|drawing| drawing.plot(series))
}

fn of_bytes(series: &Series) -> [Plot; 2] {
    let seconds = approximate(series.span.part_seconds());
    let throughput = |part: &Part| throughput(part, seconds);
    let throughput = Drawing {
        title: "Throughput",
        keys: vec!["served", "from origins"],
        kind: Kind::Lines,
        values: &throughput,
        written: &|value| format!("{}/s", size(rounded(value))),
        least_most: 1024.0,
        is_binary: true,
    };
    let stored = Drawing {
        title: "Stored",
        keys: vec!["bytes"],
        kind: Kind::Lines,
        values: &stored,
        written: &|value| size(rounded(value)),
        least_most: 1024.0,
        is_binary: true,
    };
    [throughput, stored].map(|drawing| drawing.plot(series))
}

fn requests(part: &Part) -> Option<Vec<f64>> {
    let figures = part.figures?;
    let counts = [figures.hits, figures.misses, figures.errors];
    Some(counts.map(approximate).into())
}

/// Nothing is known where nothing was answered.
fn ratio(part: &Part) -> Option<Vec<f64>> {
    let figures = part.figures?;
    let answered = figures.hits + figures.misses;
    let ratio = approximate(figures.hits) * 100.0 / approximate(answered);
    (answered > 0).then(|| vec![ratio])
}

fn throughput(part: &Part, seconds: f64) -> Option<Vec<f64>> {
    let figures = part.figures?;
    let bytes = [figures.bytes_served, figures.bytes_downloaded];
    Some(bytes.map(|bytes| approximate(bytes) / seconds).into())
}

fn stored(part: &Part) -> Option<Vec<f64>> {
    Some(vec![approximate(part.figures?.stored_bytes)])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is drawn is positive, and the cast saturates"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}
