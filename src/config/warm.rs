//! Section `warm`: what is brought into the store before anybody asks for it.

use std::{path::PathBuf, time::Duration};

use super::{
    problem::Problems,
    setting::{Named, section},
    units::Span,
};

section! {
    /// Lists and lock files whose artifacts are fetched in the background, see `artifact-cache warm`.
    pub struct Warm {
        /// Downloads of one job at the same time, unless it names another number; 64 at most.
        pub parallel: usize = 4,
        /// Files that are warmed again and again, by a name of your choice.
        pub schedules: Named<Schedule> = Named::default(),
    }
}

section! {
    /// A file that is warmed again and again. It is read anew each time.
    pub struct Schedule {
        /// The file: a list of URLs, sums, or a lock file.
        pub file: PathBuf = PathBuf::new(),
        /// Time from one beginning to the next. It goes on across restarts.
        pub every: Span = Span::seconds(24 * 3600),
        /// What names of files are relative to.
        pub base_url: Option<String> = None,
        /// The registry or index that names of packages are looked up in.
        pub index: Option<String> = None,
    }
}

/// Schedules are looked at every few seconds.
const LEAST: Duration = Duration::from_secs(1);

impl Warm {
    pub(super) fn check(&self, problems: &mut Problems) {
        if !(1..=64).contains(&self.parallel) {
            problems.add("warm.parallel", "must be a number from 1 to 64");
        }
        for (name, schedule) in &self.schedules.0 {
            let key = |key: &str| format!("warm.schedules.{name}.{key}");
            if schedule.file.as_os_str().is_empty() {
                problems.add(&key("file"), "must not be empty");
            }
            if schedule.every.0 < LEAST {
                problems.add(&key("every"), "must be one second at least");
            }
        }
    }
}
