//! What works in the background: the list of jobs, and one of them.

use askama::Template;

use super::{
    Answer, Panel, Refusal,
    format::{When, count, size},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::catalog::{JobRecord, JobState};

/// Jobs on a page.
const SHOWN: usize = 50;
/// Seconds between two looks while something is at work.
const REFRESH: u32 = 3;

#[derive(Template)]
#[template(path = "jobs.html", config = "src/api/ui/askama.toml")]
struct ListPage<'a> {
    shell: Shell<'a>,
    items: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "job.html", config = "src/api/ui/askama.toml")]
struct JobPage<'a> {
    shell: Shell<'a>,
    item: Row,
    step: String,
    position: String,
    error: Option<String>,
    failures: Vec<Failure>,
    report: String,
}

struct Row {
    number: u64,
    kind: String,
    about: String,
    state: &'static str,
    is_running: bool,
    is_bad: bool,
    done: String,
    percent: Option<u64>,
    failed: String,
    has_failed: bool,
    begun: When,
    ended: Option<When>,
}

struct Failure {
    subject: String,
    reason: String,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let before = before(&visit.parameter("cursor"));
    let mut found = panel.jobs().list(before, SHOWN + 1, |_| true)?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|last| format!("/ui/jobs?cursor=j{:x}", last.number));
    let items: Vec<_> = found.iter().map(|job| row(job, visit)).collect();
    let mut shell = Shell::new(panel, visit, "Jobs", Section::Jobs);
    if items.iter().any(|job| job.is_running) {
        shell.refresh = REFRESH;
    }
    ok(&ListPage { shell, items, next })
}

pub(super) fn show_one<P: Panel>(panel: &P, visit: &Visit, number: u64) -> Answer {
    let job = panel.jobs().show(number)?.ok_or(Refusal::NotFound)?;
    let item = row(&job, visit);
    let title = format!("Job {number}");
    let mut shell = Shell::new(panel, visit, &title, Section::Jobs);
    shell.refresh = if item.is_running { REFRESH } else { 0 };
    let failures = job.failures.iter().map(|failure| Failure {
        subject: failure.subject.clone(),
        reason: failure.reason.clone(),
    });
    ok(&JobPage {
        shell,
        failures: failures.collect(),
        step: job.step.clone(),
        position: job.position.clone(),
        error: job.error.clone(),
        report: indented(&job.report),
        item,
    })
}

fn row(job: &JobRecord, visit: &Visit) -> Row {
    let amount = |amount| match &*job.unit {
        "bytes" => size(amount),
        unit => format!("{} {unit}", count(amount)),
    };
    let done = amount(job.done);
    let share = |total: u64| (job.done.saturating_mul(100) / total.max(1)).min(100);
    Row {
        number: job.number,
        kind: job.kind.clone(),
        about: job.about.clone(),
        state: job.state.word(),
        is_running: job.state == JobState::Running,
        is_bad: matches!(job.state, JobState::Failed | JobState::Interrupted),
        done: match job.total {
            Some(total) => format!("{done} of {}", amount(total)),
            None => done,
        },
        percent: job.total.map(share),
        failed: count(job.failed),
        has_failed: job.failed > 0,
        begun: When::of(job.created_at, visit.now),
        ended: job.ended_at.map(|ended| When::of(ended, visit.now)),
    }
}

/// A JSON document as people read it; nothing for one that says nothing.
fn indented(report: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(report).ok();
    let said = parsed.filter(|value| !value.is_null());
    said.map_or_else(String::new, |value| format!("{value:#}"))
}

/// The cursor in an address; the latest for one that is none.
fn before(text: &str) -> u64 {
    let number = text.strip_prefix('j');
    let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
    number.unwrap_or(u64::MAX)
}
