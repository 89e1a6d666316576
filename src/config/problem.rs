//! What can be wrong with a configuration. All problems are reported at once.

use std::{fmt, path::PathBuf};

use super::origin::Origin;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not YAML, or not a mapping of sections.
    #[error("the configuration file {} is not valid", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: yaml_serde::Error,
    },
    /// Settings are unknown, of the wrong type, out of range or contradict each other.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

/// One thing that is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as `section.key`, or the name of an environment variable.
    pub key: String,
    /// Where its value came from.
    pub origin: Origin,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => write!(f, "{}: {}", self.key, self.message),
            origin => write!(f, "{} (from {origin}): {}", self.key, self.message),
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let head = format!("{} problem{plural} in the configuration", problems.len());
    let lines = problems.iter().map(|problem| format!("\n  - {problem}"));
    std::iter::once(head).chain(lines).collect()
}

/// Gathers problems while a configuration is checked.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Adds a problem whose origin the loader fills in.
    pub(super) fn add(&mut self, key: &str, message: impl Into<String>) {
        self.add_from(key, Origin::Default, message);
    }

    pub(super) fn add_from(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        self.0.push(Problem {
            key: key.into(),
            origin,
            message: message.into(),
        });
    }

    /// Demands more than zero.
    pub(super) fn positive(&mut self, key: &str, value: u128) {
        if value == 0 {
            self.add(key, "must be more than 0");
        }
    }

    pub(super) fn into_result(self) -> Result<(), Vec<Problem>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}
