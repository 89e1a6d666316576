//! `backup`: the catalog and every file that it names, in a directory or as one archive, while the cache
//! runs or while it does not. `restore`: the way back.

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::Args;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use url::Url;

use super::{
    client::{Client, Transfer, accepted},
    exit::Failure,
    job::wait,
    local::backup::{self, Owner, Progress, Restoring, Summary, absolute, owner},
    output::{Output, complain, size},
    remote::{Remote, bearer},
    settings::{self, Settings},
};

const ROUTE: &str = "/api/v1/backup";
const STYLE: &str = "{wide_bar} {bytes}/{total_bytes} {msg} {eta}";

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub(super) struct Backup {
    /// Directory of the backup; one that has an earlier backup is brought up to date. - writes an archive
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Copy files also where linking is possible: then the backup does not share them with the cache
    #[arg(long)]
    copy: bool,
    /// Drop files that this backup does not name any more
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    place: settings::Place,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub(super) struct Restore {
    /// Directory or archive of the backup; - reads an archive
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    how: Restoring,
    /// Only look whether it could be restored; writes nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: settings::Place,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Backup {
    /// Makes the backup. What could not be read is exit code 4, after everything else was taken.
    pub(super) async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let is_archive = self.to.as_os_str() == "-";
        let client = if self.remote.is_named() {
            if !is_archive {
                let message = "a cache that is named with --url gives an archive: use -";
                return Err(Failure::Usage(message.into()));
            }
            self.remote.client()?
        } else {
            match owner(before.overridden_by(self.place.clone().into())).map_err(Failure::Local)? {
                Owner::Us(store) => return self.own(&store, is_archive, out),
                Owner::Cache(holder) => {
                    let url = Url::parse(&holder.url);
                    let url = url.map_err(|error| Failure::Local(error.into()))?;
                    Client::new(url, Some(bearer(&holder.token)?))?
                }
            }
        };
        if is_archive {
            return archive(&client).await;
        }
        let summary = self.ask(&client).await?;
        tell(&summary, self.remote.json, out)
    }

    fn own(
        &self,
        store: &crate::store::commit::Committer,
        is_archive: bool,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let bar = bar();
        let mut watch = |progress| show(&bar, progress);
        if is_archive {
            let to = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
            let summary = backup::pack(store, to, &mut watch).map_err(Failure::Local)?;
            bar.finish_and_clear();
            return judge(&summary);
        }
        let made = backup::make(store, &self.to, (self.copy, self.prune), &mut watch);
        bar.finish_and_clear();
        tell(&made.map_err(Failure::Local)?, self.remote.json, out)
    }

    /// Asks the running cache, and shows what it says.
    async fn ask(&self, client: &Client) -> Result<Summary, Failure> {
        let directory = absolute(&self.to).map_err(|error| Failure::Local(error.into()))?;
        let wanted = json!({"directory": directory, "copy": self.copy, "prune": self.prune});
        let job = client.post_json(ROUTE, &wanted).await?;
        let id = job["id"].as_u64().unwrap_or_default();
        let mut job = wait(client, &format!("/api/v1/jobs/{id}")).await?;
        if job["state"] != "done" {
            let error = job["error"].as_str().unwrap_or("the cache stopped");
            return Err(Failure::Job(format!("no backup was made: {error}")));
        }
        let summary = serde_json::from_value(job["report"].take());
        summary.map_err(|error| Failure::Local(error.into()))
    }
}

impl Restore {
    /// Restores. What could not be restored is exit code 4, after everything else was.
    pub(super) fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let settings = before.overridden_by(self.place.clone().into());
        let bar = bar();
        let mut watch = |progress| show(&bar, progress);
        let is_directory = self.from.is_dir();
        if self.dry_run && !is_directory {
            let message = "--dry-run reads directories; an archive is checked by restoring it";
            return Err(Failure::Usage(message.into()));
        }
        let how = self.how;
        let done = if self.dry_run {
            backup::check(&self.from, &mut watch)
        } else if is_directory {
            backup::restore(settings, &self.from, how, &mut watch)
        } else if self.from.as_os_str() == "-" {
            backup::unpack(settings, io::stdin().lock(), how.force, &mut watch)
        } else {
            let file = open(&self.from)?;
            backup::unpack(settings, file, how.force, &mut watch)
        };
        bar.finish_and_clear();
        tell(&done.map_err(Failure::Local)?, self.json, out)
    }
}

fn open(path: &Path) -> Result<impl io::Read, Failure> {
    let file = std::fs::File::open(path).map_err(|source| Failure::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(io::BufReader::with_capacity(1 << 20, file))
}

/// Writes the archive that a running cache gives. A cut one is a failure, never a short success.
async fn archive(client: &Client) -> Result<(), Failure> {
    let mut transfer = post(client, &json!({})).await?;
    let mut out = io::stdout().lock();
    let failed = |error: io::Error| Failure::Local(error.into());
    let bar = bar();
    while let Some(data) = transfer.next().await? {
        out.write_all(&data).map_err(failed)?;
        bar.set_position(transfer.received);
    }
    bar.finish_and_clear();
    out.flush().map_err(failed)
}

async fn post(client: &Client, wanted: &Value) -> Result<Transfer, Failure> {
    let answer = client.stream(Method::POST, ROUTE, wanted).await?;
    let (head, body) = accepted(answer).await?.into_parts();
    Ok(Transfer::of(&head.headers, body))
}

/// Hidden by itself when standard error is not a terminal.
pub(super) fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    match ProgressStyle::with_template(STYLE) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, progress: Progress) -> ControlFlow<()> {
    bar.set_length(progress.of_bytes);
    bar.set_position(progress.bytes);
    bar.set_message(format!("{}/{} files", progress.blobs, progress.of_blobs));
    ControlFlow::Continue(())
}

fn tell(summary: &Summary, is_json: bool, out: &mut Output) -> Result<(), Failure> {
    if is_json {
        out.json(summary)?;
        return judge(summary);
    }
    for (name, count) in [
        ("files", summary.blobs),
        ("there already", summary.known),
        ("linked", summary.linked),
        ("copied", summary.copied),
        ("dropped", summary.dropped),
    ] {
        out.pair(name, &count.to_string())?;
    }
    out.pair("size", &size(summary.bytes))?;
    judge(summary)
}

/// Names what was lost.
fn judge(summary: &Summary) -> Result<(), Failure> {
    for digest in &summary.missing {
        complain(&format!("missing  {digest}"));
    }
    for digest in &summary.damaged {
        complain(&format!("damaged  {digest}"));
    }
    match usize::try_from(summary.lost) {
        Ok(0) => Ok(()),
        lost => Err(Failure::Damaged(lost.unwrap_or(usize::MAX))),
    }
}
