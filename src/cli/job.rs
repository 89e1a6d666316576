//! `job`: lists, shows, cancels and waits for what works in the background of a running cache.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::{HeaderMap, Method};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{
    client::Client,
    exit::Failure,
    output::{Output, printable, size},
    remote::Remote,
};

/// How often a job is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// Jobs on a page.
const PAGE: u64 = 200;

/// The verbs below `job`.
#[derive(Debug, Subcommand)]
pub(super) enum Job {
    /// List jobs, the latest first
    Ls(Ls),
    /// Show one job, with what it failed with
    Show(One),
    /// Stop a job
    Cancel(One),
    /// Wait until a job has ended
    Wait(One),
}

/// Arguments of `job ls`.
#[derive(Args, Debug)]
pub(super) struct Ls {
    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only in this state: running, done, failed, cancelled, interrupted
    #[arg(long)]
    state: Option<String>,
    /// Show no more than this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    remote: Remote,
}

/// Arguments of the verbs for one job.
#[derive(Args, Debug)]
pub(super) struct One {
    /// Its number
    #[arg(value_name = "JOB")]
    id: u64,
    #[command(flatten)]
    remote: Remote,
}

/// A verb that starts a job waits for it, unless it is told not to.
#[derive(Args, Debug)]
pub(super) struct Waiting {
    /// Do not wait for the end
    #[arg(long)]
    detach: bool,
}

impl Job {
    /// Does it.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Ls(ls) => ls.run(out).await,
            Self::Show(one) => {
                let job = one.job(Method::GET, "").await?;
                tell(&job, one.remote.json, out)
            }
            Self::Cancel(one) => {
                let job = one.job(Method::POST, "/cancel").await?;
                tell(&job, one.remote.json, out)
            }
            Self::Wait(one) => {
                let job = wait(&one.remote.client()?, &path(one.id)).await?;
                tell(&job, one.remote.json, out)?;
                judge(&job)
            }
        }
    }

    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Ls(ls) => ls.remote.json,
            Self::Show(one) | Self::Cancel(one) | Self::Wait(one) => one.remote.json,
        }
    }
}

impl Waiting {
    /// Waits for a job that was just started, and tells what became of it.
    pub(super) async fn end(
        &self,
        (client, is_json): (&Client, bool),
        job: Value,
        out: &mut Output,
    ) -> Result<Value, Failure> {
        let id = job["id"].as_u64().unwrap_or_default();
        let job = if self.detach {
            job
        } else {
            wait(client, &path(id)).await?
        };
        tell(&job, is_json, out)?;
        Ok(job)
    }
}

impl One {
    async fn job(&self, method: Method, action: &str) -> Result<Value, Failure> {
        let path = format!("{}{action}", path(self.id));
        let client = self.remote.client()?;
        client.act(method, &path, HeaderMap::new()).await
    }
}

impl Ls {
    async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let jobs = self.jobs(&self.remote.client()?).await?;
        if self.remote.json {
            return out.json(&jobs);
        }
        out.line(&row("JOB", "KIND", "STATE", "DONE", "STARTED", "ABOUT"))?;
        jobs.iter().try_for_each(|job| {
            let id = job["id"].to_string();
            let (kind, state) = (text(job, "kind"), text(job, "state"));
            let (begun, about) = (text(job, "created_at"), text(job, "about"));
            out.line(&row(&id, kind, state, &done(job), begun, &printable(about)))
        })
    }

    async fn jobs(&self, client: &Client) -> Result<Vec<Value>, Failure> {
        let (mut jobs, mut cursor) = (Vec::new(), None::<String>);
        let mut left = self.limit;
        while left > 0 {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &left.min(PAGE).to_string());
            let given = [
                ("kind", &self.kind),
                ("state", &self.state),
                ("cursor", &cursor),
            ];
            for (name, value) in given {
                query.extend_pairs(value.as_ref().map(|value| (name, value)));
            }
            let path = format!("/api/v1/jobs?{}", query.finish());
            let (_, mut page) = client.json(&path).await?;
            if let Value::Array(found) = page["items"].take() {
                left -= left.min(found.len() as u64);
                jobs.extend(found);
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(jobs)
    }
}

/// Looks at a job until it has ended; on a terminal a bar shows how far it is.
pub(super) async fn wait(client: &Client, path: &str) -> Result<Value, Failure> {
    let bar = ProgressBar::no_length().with_style(style(false));
    loop {
        let (_, job) = client.json(path).await?;
        if job["state"] != "running" {
            bar.finish_and_clear();
            return Ok(job);
        }
        show(&bar, &job);
        tokio::time::sleep(LOOK).await;
    }
}

/// Standard error when it is no terminal stays empty: the bar sees to that.
fn show(bar: &ProgressBar, job: &Value) {
    let progress = &job["progress"];
    bar.set_style(style(progress["unit"] == "bytes"));
    match progress["total"].as_u64() {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_position(progress["done"].as_u64().unwrap_or_default());
    let failed = match job["failed"].as_u64().unwrap_or_default() {
        0 => String::new(),
        failed => format!("{failed} failed "),
    };
    let position = printable(text(progress, "position"));
    bar.set_message(format!("{failed}{position}"));
}

fn style(is_bytes: bool) -> ProgressStyle {
    let template = if is_bytes {
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {wide_msg}"
    } else {
        "{bar:30} {human_pos}/{human_len} {eta} {wide_msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// One job, for people or scripts.
fn tell(job: &Value, is_json: bool, out: &mut Output) -> Result<(), Failure> {
    if is_json {
        return out.json(job);
    }
    out.pair("job", &job["id"].to_string())?;
    for name in ["kind", "about", "state"] {
        out.pair(name, text(job, name))?;
    }
    out.pair("begun", text(job, "created_at"))?;
    if let Some(ended) = job["ended_at"].as_str() {
        out.pair("ended", ended)?;
    }
    out.pair("done", &done(job))?;
    if let Some(error) = job["error"].as_str() {
        out.pair("error", error)?;
    }
    for (name, value) in job["report"].as_object().into_iter().flatten() {
        out.pair(&name.replace('_', " "), &plain(value))?;
    }
    out.pair("failed", &job["failed"].to_string())?;
    for failure in job["failures"].as_array().into_iter().flatten() {
        let line = format!("{}  {}", text(failure, "subject"), text(failure, "reason"));
        out.line(&printable(&format!("  {line}")))?;
    }
    Ok(())
}

/// What failed is exit code 1, whole jobs and single subjects alike.
pub(super) fn judge(job: &Value) -> Result<(), Failure> {
    let (id, state) = (&job["id"], text(job, "state"));
    match (state, job["failed"].as_u64().unwrap_or_default()) {
        ("done", 0) | ("running", _) => Ok(()),
        ("done", failed) => Err(Failure::Job(format!("{failed} failed in job {id}"))),
        _ => Err(Failure::Job(format!("job {id} is {state}"))),
    }
}

fn done(job: &Value) -> String {
    let progress = &job["progress"];
    let unit = text(progress, "unit");
    let amount = |value: &Value| {
        let number = value.as_u64()?;
        let is_bytes = unit == "bytes";
        Some(if is_bytes {
            size(number)
        } else {
            number.to_string()
        })
    };
    let done = amount(&progress["done"]).unwrap_or_default();
    let unit = if unit == "bytes" { "" } else { unit };
    match amount(&progress["total"]) {
        Some(total) => format!("{done}/{total} {unit}").trim_end().to_owned(),
        None => format!("{done} {unit}").trim_end().to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn path(id: u64) -> String {
    format!("/api/v1/jobs/{id}")
}

fn row(job: &str, kind: &str, state: &str, done: &str, begun: &str, about: &str) -> String {
    format!("{job:>6}  {kind:<8}  {state:<11}  {done:<24}  {begun:<20}  {about}")
}
