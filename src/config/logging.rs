//! Section `logging`: level and form of the log.

use super::{
    problem::Problems,
    setting::{choice, section},
};

section! {
    /// Log output on standard output.
    pub struct Logging {
        /// Least severe level written: `error`, `warn`, `info`, `debug`, `trace`, `off`, or a list of
        /// filters such as `info,artifact_cache::upstream=debug`.
        pub level: String = "info".into(),
        /// Form of a line.
        pub format: Format = Format::Json,
    }
}

choice! {
    /// The form of a log line.
    pub enum Format {
        /// One JSON object a line.
        Json = "json",
        /// For people.
        Text = "text",
    }
}

impl Logging {
    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(error) = crate::telemetry::level::parse(&self.level) {
            problems.add("logging.level", error.to_string());
        }
    }
}
