//! The downloads under way.

use std::time::Duration;

use askama::Template;

use super::{
    Answer, Panel,
    format::{approximate, parts, size, span},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::store::under_way::Progress;

/// Downloads that are shown.
const SHOWN: usize = 200;
/// Seconds between two looks.
const REFRESH: u32 = 3;

#[derive(Template)]
#[template(path = "fills.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    fills: Vec<Row>,
}

struct Row {
    name: String,
    place: String,
    done: String,
    percent: Option<u64>,
    speed: String,
    duration: String,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let fills = panel.store().under_way().all();
    let mut shell = Shell::new(panel, visit, "Downloads", Section::Fills);
    shell.refresh = REFRESH;
    ok(&Page {
        shell,
        fills: fills.iter().take(SHOWN).map(row).collect(),
    })
}

fn row(fill: &Progress) -> Row {
    let (name, place) = parts(&fill.url);
    let written = size(fill.written);
    let share = |length: u64| fill.written.saturating_mul(100) / length.max(1);
    Row {
        name,
        place,
        done: match fill.length {
            Some(length) => format!("{written} of {}", size(length)),
            None => format!("{written}, length unknown"),
        },
        percent: fill.length.map(|length| share(length).min(100)),
        speed: speed(fill.written.saturating_sub(fill.before), fill.duration),
        duration: span(fill.duration),
    }
}

/// The mean speed since it began.
fn speed(bytes: u64, duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let per_second = u128::from(bytes) * 1000 / u128::from(millis);
    let per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
    if approximate(per_second) < 1.0 {
        return "–".to_owned();
    }
    format!("{}/s", size(per_second))
}
