//! The first page: how the cache does, and did.

use askama::Template;

use super::{
    Answer, Panel,
    artifacts::Row,
    format::{When, count, percent, size, span, took},
    plot::Plot,
    plots::plots,
    series::{Series, Span},
    shell::{Section, Shell, ok},
    visit::Visit,
};

/// Artifacts and origins that are shown.
const SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "overview.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    is_new: bool,
    spans: Vec<Choice>,
    tiles: Vec<Tile>,
    plots: Vec<Plot>,
    top: Vec<Row>,
    origins: Vec<OriginRow>,
}

struct Choice {
    word: &'static str,
    label: &'static str,
    is_here: bool,
}

struct Tile {
    label: &'static str,
    value: String,
    note: String,
    is_bad: bool,
}

struct OriginRow {
    authority: String,
    state: String,
    is_bad: bool,
    last: String,
    asked: String,
    recent: Vec<bool>,
    recent_text: String,
    requests: String,
    failures: u64,
    mean: String,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let span = Span::named(&visit.parameter("span"));
    let series = Series::read(panel, span)?;
    let top = panel.store().catalog().most_used(SHOWN)?;
    let totals = panel.totals()?;
    ok(&Page {
        shell: Shell::new(panel, visit, "Overview", Section::Overview),
        is_new: totals.total_items == 0,
        spans: Span::ALL.map(|one| choice(one, span)).into(),
        tiles: tiles(panel, &series),
        plots: plots(&series),
        top: top
            .iter()
            .map(|artifact| Row::of(artifact, visit.now))
            .collect(),
        origins: origins(panel, visit),
    })
}

fn choice(span: Span, here: Span) -> Choice {
    Choice {
        word: span.word(),
        label: span.label(),
        is_here: span == here,
    }
}

fn tile(label: &'static str, value: String, note: String) -> Tile {
    Tile {
        label,
        value,
        note,
        is_bad: false,
    }
}

fn tiles(panel: &impl Panel, series: &Series) -> Vec<Tile> {
    let mut tiles = of_requests(series);
    tiles.extend(of_store(panel));
    tiles
}

fn of_requests(series: &Series) -> Vec<Tile> {
    let sum = series.sum;
    let saved = sum.bytes_served.saturating_sub(sum.bytes_downloaded);
    let answered = sum.hits + sum.misses;
    let hits = format!("{} of {}", count(sum.hits), count(answered));
    let share = format!("{} of what was served", percent(saved, sum.bytes_served));
    let requests = format!("{} requests", count(sum.requests));
    let misses = format!("{} misses", count(sum.misses));
    let errors = percent(sum.errors, sum.requests);
    vec![
        tile("Hit ratio", percent(sum.hits, answered), hits),
        tile("Bytes saved", size(saved), share),
        tile("Served", size(sum.bytes_served), requests),
        tile("From origins", size(sum.bytes_downloaded), misses),
        Tile {
            is_bad: sum.errors > 0,
            ..tile("Errors", count(sum.errors), errors)
        },
    ]
}

fn of_store(panel: &impl Panel) -> [Tile; 2] {
    let store = panel.store();
    let stored = panel.totals().unwrap_or_default();
    let free = store.blobs().free_bytes().unwrap_or(0);
    let limit = match store.room().cap() {
        0 => "no cap".to_owned(),
        cap => format!("{} of {}", percent(store.room().used(), cap), size(cap)),
    };
    let artifacts = format!("{} artifacts", count(stored.total_items));
    [
        tile("Stored", size(stored.total_size_bytes), artifacts),
        tile("Disk free", size(free), limit),
    ]
}

fn origins(panel: &impl Panel, visit: &Visit) -> Vec<OriginRow> {
    let all = panel.origins().into_iter();
    // Those in trouble come first.
    let (bad, well): (Vec<_>, Vec<_>) = all.partition(|health| health.rests_for.is_some());
    let rows = bad.into_iter().chain(well).take(SHOWN).map(|health| {
        let origin = health.origin;
        let recent = origin.recent();
        let failed = recent.iter().filter(|failed| **failed).count();
        let is_failing = recent.last() == Some(&true);
        let state = match health.rests_for {
            Some(rest) => format!("left alone for {}", span(rest)),
            None if is_failing => "failing".to_owned(),
            None => "well".to_owned(),
        };
        OriginRow {
            state,
            is_bad: health.rests_for.is_some() || is_failing,
            asked: When::of(origin.asked_at, visit.now).ago,
            recent_text: format!("{failed} of the last {} requests failed", recent.len()),
            recent,
            requests: count(origin.requests),
            failures: origin.failures,
            mean: took(origin.mean),
            last: origin.last,
            authority: origin.authority,
        }
    });
    rows.collect()
}
