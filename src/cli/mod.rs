//! The command line: its grammar and the way from a verb to an exit code. Each verb has its file;
//! `serve` is the verb when none is named. Verbs that talk to a running cache go through `client`,
//! verbs that work on this machine's own data go through `local`.

mod asking;
mod backup;
mod bundle;
mod ca;
mod client;
mod completions;
mod config;
mod exit;
mod explain;
mod fetch;
mod files;
mod fsck;
mod get;
mod head;
mod job;
mod local;
mod ls;
mod maintenance;
mod misses;
mod model;
mod output;
mod partial;
mod pin;
mod purge;
mod remote;
mod rm;
mod s3;
mod serve;
mod settings;
mod setup;
mod show;
mod stats;
mod tag;
mod token;
mod verify;
mod warm;
mod why;

use std::{ffi::OsString, future::Future, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

pub use local::{Consistency, Damage, Verified};
pub use settings::{LogFormat, Settings};

use exit::{Exit, Failure};
use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0 done   1 error   2 miss or not found   3 credentials   4 checksum mismatch
  5 denied by policy   6 origin unavailable   64 wrong usage

Environment:
  ARTIFACT_CACHE_URL, ARTIFACT_CACHE_TOKEN   the server that the verbs of the client ask
  ARTIFACTS_ENDPOINT, ARTIFACTS_ACCESS_KEY, ARTIFACTS_SECRET_KEY, ARTIFACTS_REGION,
  ARTIFACTS_BUCKET, ARTIFACTS_USE_SSL        the object store that s3 asks
  NO_COLOR                                   no colours";

/// A pull-through cache and archive for artifacts. Without a verb it serves.
#[derive(Debug, Parser)]
#[command(name = "artifact-cache", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the cache (what it does without a verb)
    Serve(Settings),
    #[command(flatten)]
    Asking(asking::Asking),
    /// Read stored artifacts and compare them with their digests
    Verify(verify::Verify),
    /// Compare catalog and files; repair or rebuild the catalog
    Fsck(fsck::Fsck),
    /// Back up the catalog and every file, while the cache runs or not
    Backup(backup::Backup),
    /// Take such a file into a running cache
    Import(bundle::Import),
    /// Restore a backup into a new data directory, or check it
    Restore(backup::Restore),
    /// Back the catalog up, and give unused room back
    Maintenance(maintenance::Maintenance),
    /// Make, list and revoke access tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Print the variables that point clients to the cache
    Env(setup::Env),
    /// Run a command whose downloads go through the cache
    Run(setup::Run),
    /// Print or write the configuration of a tool that is to use the cache
    Setup(setup::Setup),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::Config),
    /// Make or show the certificate authority of intercepted tunnels
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Parses the arguments, runs the verb and reports its failure on standard error.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments).and_then(Cli::checked) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let is_json = cli.verb.as_ref().is_some_and(Verb::is_json);
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(is_json).into(),
    }
}

/// Help and version are answers, anything else is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    let is_answer = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // Nothing is left to report to when the terminal is gone.
    let _ = error.print();
    if is_answer { Exit::Done } else { Exit::Usage }.into()
}

impl Cli {
    /// Settings before a verb that takes none would be dropped silently, so they are refused.
    fn checked(self) -> Result<Self, clap::Error> {
        let takes_settings = self.verb.as_ref().is_none_or(Verb::takes_settings);
        if takes_settings || self.settings == Settings::default() {
            return Ok(self);
        }
        let message =
            "settings of the server stand before a verb that does not start or inspect it";
        Err(Self::command().error(ErrorKind::ArgumentConflict, message))
    }

    fn run(self) -> Result<(), Failure> {
        let (settings, out) = (self.settings, &mut Output::standard());
        match self.verb {
            None => serve::run(settings),
            Some(Verb::Serve(own)) => serve::run(settings.overridden_by(own)),
            Some(Verb::Asking(verb)) => wait(verb.run(out)),
            Some(Verb::Verify(verify)) => wait(verify.run(settings, out)),
            Some(Verb::Fsck(fsck)) => fsck.run(settings, out),
            Some(Verb::Backup(backup)) => wait(backup.run(settings, out)),
            Some(Verb::Import(import)) => wait(import.run(settings, out)),
            Some(Verb::Restore(restore)) => restore.run(settings, out),
            Some(Verb::Maintenance(maintenance)) => maintenance.run(settings, out),
            Some(Verb::Token(token)) => wait(token.run(settings, out)),
            Some(Verb::Env(env)) => env.run(settings, out),
            Some(Verb::Run(run)) => run.run(settings),
            Some(Verb::Setup(setup)) => setup.run(settings, out),
            Some(Verb::Config(config)) => config.run(settings, out),
            Some(Verb::Ca(ca)) => ca.run(settings, out),
            Some(Verb::Completions(completions)) => completions.run(out),
        }
    }
}

impl Verb {
    const fn takes_settings(&self) -> bool {
        matches!(
            self,
            Self::Serve(_)
                | Self::Verify(_)
                | Self::Fsck(_)
                | Self::Backup(_)
                | Self::Import(_)
                | Self::Restore(_)
                | Self::Maintenance(_)
                | Self::Token(_)
                | Self::Env(_)
                | Self::Run(_)
                | Self::Setup(_)
                | Self::Config(_)
                | Self::Ca(_)
        )
    }

    const fn is_json(&self) -> bool {
        match self {
            Self::Asking(verb) => verb.is_json(),
            Self::Verify(verb) => verb.remote.json,
            Self::Fsck(verb) => verb.json,
            Self::Backup(verb) => verb.remote.json,
            Self::Import(verb) => verb.remote.json,
            Self::Restore(verb) => verb.json,
            Self::Maintenance(verb) => verb.json,
            Self::Config(verb) => verb.is_json(),
            Self::Ca(verb) => verb.is_json(),
            Self::Token(verb) => verb.is_json(),
            Self::Serve(_)
            | Self::Completions(_)
            | Self::Env(_)
            | Self::Run(_)
            | Self::Setup(_) => false,
        }
    }
}

/// Runs a verb of the client. It is the only task of this thread, so its file writes may block.
fn wait(verb: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?
        .block_on(verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        let program = std::iter::once("artifact-cache");
        Cli::try_parse_from(program.chain(arguments.iter().copied())).and_then(Cli::checked)
    }

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_verb_the_settings_are_those_of_serve() {
        let arguments = [
            "--config",
            "c.yaml",
            "--listen",
            "0.0.0.0:1",
            "--metrics-listen",
            "[::1]:2",
            "--data",
            "d",
            "--allow-cidr",
            "10.0.0.0/8",
            "--allow-cidr",
            "fd00::/8",
            "--log-format",
            "text",
            "--log-level",
            "debug",
        ];
        let bare = parse(&arguments).unwrap();
        assert!(bare.verb.is_none());
        let with_verb: Vec<_> = std::iter::once("serve").chain(arguments).collect();
        let Some(Verb::Serve(settings)) = parse(&with_verb).unwrap().verb else {
            panic!("serve is a verb");
        };
        assert_eq!(bare.settings, settings);
        assert_eq!(settings.allow_cidr.len(), 2);
    }

    #[test]
    fn settings_before_and_after_a_verb_add_up_and_the_later_one_wins() {
        let cli = parse(&[
            "--data",
            "a",
            "--allow-cidr",
            "10.0.0.0/8",
            "serve",
            "--data",
            "b",
            "--allow-cidr",
            "fd00::/8",
        ])
        .unwrap();
        let Some(Verb::Serve(own)) = cli.verb else {
            panic!("serve is a verb");
        };
        let settings = cli.settings.overridden_by(own);
        assert_eq!(settings.data, Some("b".into()));
        assert_eq!(settings.allow_cidr.len(), 2);
    }

    #[test]
    fn settings_before_a_client_verb_are_refused() {
        assert!(parse(&["--listen", "127.0.0.1:1", "stats"]).is_err());
        assert!(parse(&["--data", "d", "fsck"]).is_ok());
    }
}
