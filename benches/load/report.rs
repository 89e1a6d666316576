//! Figures: medians of turns, a table for people, JSON for programs.

use serde_json::{Value, json};

use super::server::{Door, Kind};

/// CPU time of the server in 100 s of a closed loop.
pub(super) const SERVER_SHARE: &str = "server's share of its core";
/// CPU time of load generator and origin in 100 s of a closed loop.
pub(super) const LOAD_SHARE: &str = "generator's share of its core";

/// A measured value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

impl Figure {
    pub(super) fn new(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self { name, unit, value }
    }
}

/// All turns of one server in one workload.
pub(super) struct Measured {
    pub(super) kind: Kind,
    pub(super) turns: Vec<Vec<Figure>>,
}

impl Measured {
    pub(super) fn none_of(kind: Kind) -> Self {
        Self {
            kind,
            turns: Vec::new(),
        }
    }

    /// The median over the turns of every figure, in the order of the first turn.
    fn medians(&self) -> Vec<Figure> {
        let first = self.turns.first().into_iter().flatten();
        let median = |figure: &Figure| Figure {
            value: self.median(figure.name).unwrap_or(figure.value),
            ..*figure
        };
        first.map(median).collect()
    }

    /// Whether load generator and origin had no time left while the server had.
    fn is_bound_by_load(&self) -> bool {
        let share = |name| self.median(name).unwrap_or_default();
        share(LOAD_SHARE) > 90.0 && share(SERVER_SHARE) < 90.0
    }

    pub(super) fn median(&self, name: &str) -> Option<f64> {
        let all = self.turns.iter().flatten();
        let mut values: Vec<f64> = all.filter(|f| f.name == name).map(|f| f.value).collect();
        values.sort_by(f64::total_cmp);
        // Of an even number the lower one of the middle: a turn that was, not a mean that was not.
        values.get(values.len().saturating_sub(1) / 2).copied()
    }
}

/// The results of one workload through one door.
pub(super) struct Outcome {
    pub(super) scenario: &'static str,
    pub(super) door: Door,
    pub(super) measured: Vec<Measured>,
}

impl Outcome {
    /// A block of the table: a line a figure, a column a server, and our ratio to the peer.
    pub(super) fn table(&self) -> String {
        let servers = self.measured.iter();
        let title = format!("{} {:?}", self.scenario, self.door);
        let kinds = servers.map(|measured| format!("{:?}", measured.kind));
        let ratio = self.pair().map_or(String::new(), |_| "ours/nginx".into());
        let mut text = line(&title, kinds.chain([ratio]));
        let figures = self.measured.first().map(Measured::medians);
        for figure in figures.into_iter().flatten() {
            let values = self
                .measured
                .iter()
                .map(|measured| measured.median(figure.name));
            let values = values.map(|value| value.map_or("-".into(), shown));
            let title = format!("  {} {}", figure.name, figure.unit);
            text += &line(&title, values.chain([self.ratio(figure.name)]));
        }
        for measured in self
            .measured
            .iter()
            .filter(|measured| measured.is_bound_by_load())
        {
            let limit = format!("  load was the limit of {:?}", measured.kind);
            text += &line(&limit, [String::new()].into_iter());
        }
        text
    }

    fn pair(&self) -> Option<(&Measured, &Measured)> {
        match &*self.measured {
            [ours, peer] => Some((ours, peer)),
            _ => None,
        }
    }

    fn ratio(&self, name: &str) -> String {
        let ratio = self
            .pair()
            .and_then(|(ours, peer)| Some(ours.median(name)? / peer.median(name)?));
        let ratio = ratio.filter(|ratio| ratio.is_finite());
        ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
    }

    /// The same with every turn.
    pub(super) fn json(&self) -> Value {
        let servers = self.measured.iter().map(|measured| {
            let turns = measured.turns.iter().map(|turn| object(turn));
            json!({
                "server": format!("{:?}", measured.kind).to_lowercase(),
                "median": object(&measured.medians()),
                "turns": turns.collect::<Vec<_>>(),
            })
        });
        json!({
            "scenario": self.scenario,
            "door": format!("{:?}", self.door).to_lowercase(),
            "servers": servers.collect::<Vec<_>>(),
        })
    }
}

fn object(figures: &[Figure]) -> Value {
    let pairs = figures.iter().map(|figure| {
        let name = format!("{} {}", figure.name, figure.unit);
        (name.trim().to_owned(), json!(figure.value))
    });
    Value::Object(pairs.collect())
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells = cells.fold(String::new(), |cells, cell| format!("{cells}{cell:>12}"));
    format!("{title:<46}{}\n", cells.trim_end())
}

/// Three digits that count.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
