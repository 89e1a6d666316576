//! Programs that refuse to start.

use tempfile::TempDir;

use super::cache::program;

/// Panics unless `serve` refuses each of these files, and says so in these words.
#[track_caller]
pub(crate) fn assert_refused_at_start(cases: &[(&str, &str)]) {
    let directory = TempDir::new().unwrap();
    let config = directory.path().join("config.yaml");
    for (yaml, words) in cases {
        std::fs::write(&config, yaml).unwrap();
        let mut program = program();
        program.args(["serve", "--listen", "127.0.0.1:0"]);
        program.args(["--metrics-listen", "127.0.0.1:0", "--config"]);
        program.arg(&config).current_dir(directory.path());
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_refused = !output.status.success() && said.contains(words);
        assert!(is_refused, "{yaml}: {said}");
    }
}
