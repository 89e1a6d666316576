//! The log of a child process: kept line by line, waited for, and printed when its test fails.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::eventually_some;

/// Lines of standard output and standard error, as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Reads `output` until it ends, on a thread of its own; nothing waits for the log.
    pub(super) fn follow(&self, output: impl Read + Send + 'static) {
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Every JSON line so far with this message.
    pub(crate) fn events(&self, message: &str) -> Vec<Value> {
        let lines = self.lines();
        let events = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        events
            .filter(|event: &Value| event["msg"] == message)
            .collect()
    }

    /// Waits for a JSON line with this message that `is_meant` accepts.
    #[track_caller]
    pub(crate) fn wait_for(&self, message: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        eventually_some(&format!("the log line {message:?}"), || {
            self.events(message)
                .into_iter()
                .find(|event| is_meant(event))
        })
    }
}

/// Prints the log when the test that owns it panics.
pub(crate) struct PrintOnPanic(pub(crate) Trace);

impl Drop for PrintOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            for line in self.0.lines() {
                eprintln!("  | {line}");
            }
        }
    }
}
