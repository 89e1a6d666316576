//! `model`: the registry of models from the command line, with the flags of the scripts it replaces.

mod bench;
mod change;
mod export;
mod import;
mod ingest;
mod look;
mod place;
mod upload;

use clap::Subcommand;

use super::{exit::Failure, output::Output, settings::Settings};

/// The verbs of the registry.
#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// Register a checkpoint: hash it here, send what it is
    Ingest(Box<ingest::Ingest>),
    /// Run a small benchmark and write its metrics
    Bench(bench::Bench),
    /// List models
    Ls(look::Ls),
    /// Show a model
    Show(look::Show),
    /// Show the metrics of a model, or of one suite
    Metrics(look::Metrics),
    /// Show what happened to a model
    Events(look::Events),
    /// Put models side by side
    Compare(look::Compare),
    /// Move a model to production or to another stage
    Promote(change::Promote),
    /// Remove a model; its events stay
    Rm(change::Rm),
    /// Write every model and event as JSON lines
    Export(export::Export),
    /// Take in the models and events of another registry: a `SQLite` file or JSON lines
    Import(import::Import),
}

impl Model {
    /// Runs the verb.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Ingest(verb) => verb.run(out).await,
            Self::Bench(verb) => verb.run(out).await,
            Self::Ls(verb) => verb.run(out).await,
            Self::Show(verb) => verb.run(out).await,
            Self::Metrics(verb) => verb.run(out).await,
            Self::Events(verb) => verb.run(out).await,
            Self::Compare(verb) => verb.run(out).await,
            Self::Promote(verb) => verb.run(out).await,
            Self::Rm(verb) => verb.run(out).await,
            Self::Export(verb) => verb.run(out).await,
            // Asks no server.
            Self::Import(verb) => verb.run(Settings::default(), out),
        }
    }

    /// Whether failures are reported as JSON. Answers of the registry always are.
    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Ls(verb) => verb.json,
            Self::Events(verb) => verb.json,
            Self::Import(verb) => verb.json,
            _ => false,
        }
    }
}
