//! `config check` and `config show`: what the configuration is, before the cache runs with it.

use clap::{Args, Subcommand};

use super::{exit::Failure, local, output::Output, settings::Settings};

/// The verbs of `config`.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read the configuration and say what is wrong with it
    Check(Check),
    /// Print the configuration that the cache would run with
    Show(Show),
}

/// Arguments of `config check`.
#[derive(Args, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `config show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    settings: Settings,
    /// Say of each value where it comes from
    #[arg(long)]
    origin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Config {
    /// Whether JSON is asked for.
    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Check(check) => check.json,
            Self::Show(show) => show.json,
        }
    }

    /// Runs the verb; `before` are the settings that stood before it.
    pub(super) fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Check(check) => {
                local::check(before.overridden_by(check.settings)).map_err(Failure::Local)?;
                out.line(if check.json {
                    "{\"valid\":true}"
                } else {
                    "the configuration is valid"
                })
            }
            Self::Show(show) => {
                let settings = before.overridden_by(show.settings);
                let text = local::show(settings, show.origin, show.json).map_err(Failure::Local)?;
                out.line(text.trim_end())
            }
        }
    }
}
