//! A backup that is made while the cache works, or does not, brings back everything that had been
//! acknowledged; one that is interrupted harms nothing; one that is damaged says so.

mod archive;
mod bundle;
mod crash;
mod damage;
mod everything;
mod live;
mod repeat;

use std::{
    path::Path,
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::support::{
    cache::{Cache, program},
    origin::{Content, Origin, Reply},
};

/// What a run of the program came to.
struct Ran {
    code: i32,
    json: Value,
    error: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it says when all went well.
    #[track_caller]
    fn done(self) -> Value {
        assert_eq!(self.code, 0, "{}", self.error);
        self.json
    }

    fn number(&self, name: &str) -> u64 {
        self.json[name].as_u64().unwrap_or(u64::MAX)
    }
}

/// Runs a verb on a data directory.
fn run(arguments: &[&str], path: &Path, data: &Path) -> Ran {
    let mut command = program();
    command.args(arguments).arg(path).arg("--json");
    let output = command.arg("--data").arg(data).stdin(Stdio::null());
    Ran::of(&output.output().unwrap())
}

fn backup(cache: &Cache, to: &Path) -> Ran {
    run(&["backup"], to, cache.data())
}

fn restore(from: &Path, data: &Path) -> Ran {
    run(&["restore"], from, data)
}

/// Serves `/0`, `/1`, … with content of this length.
fn routes(origin: &Origin, count: u64, length: u64) -> Vec<Content> {
    let content = |seed| Content::seeded(seed, length);
    let contents: Vec<_> = (0..count).map(content).collect();
    for (seed, content) in contents.iter().enumerate() {
        origin.route(&format!("/{seed}"), Reply::ok(content.clone()));
    }
    contents
}

/// A cache that has these.
fn filled(origin: &Origin, count: u64, length: u64) -> (Cache, Vec<Content>) {
    let cache = Cache::start();
    let contents = routes(origin, count, length);
    fetch_all(&cache, origin, &contents);
    (cache, contents)
}

#[track_caller]
fn fetch_all(cache: &Cache, origin: &Origin, contents: &[Content]) {
    for (seed, content) in contents.iter().enumerate() {
        let url = origin.url(&format!("/{seed}"));
        cache.fetch(&url).assert_is(content);
    }
}

/// Everything is served on this data, byte for byte, and nobody is asked for it: the origin must be gone.
#[track_caller]
fn serves_all(data: &Path, origin: &Origin, contents: &[Content]) {
    let cache = Cache::setup().data(data).start();
    for (seed, content) in contents.iter().enumerate() {
        let hit = cache.fetch(&origin.url(&format!("/{seed}")));
        hit.assert_is(content);
        assert_eq!(hit.value("X-Cache-Status"), Some("HIT"), "{seed}");
    }
}

/// Nothing is inconsistent in a data directory, down to the last byte.
#[track_caller]
fn is_sound(data: &Path) {
    let mut command = program();
    command.args(["fsck", "--rehash", "--json", "--data"]);
    let found = Ran::of(&command.arg(data).output().unwrap());
    assert_eq!(found.code, 0, "{} {}", found.json, found.error);
}
