//! The way through other proxies: real ones, with and without credentials, and the ways around them.

mod http;
mod mirrors;
mod reload;
mod socks;

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::support::{
    cache::{Cache, Setup},
    origin::{Content, Origin, Reply},
};

/// A file with one line, and the directory that it goes with.
fn secret_file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, format!("{text}\n")).unwrap();
    (directory, path)
}

/// A cache whose section `upstream` has these lines, in flow style.
fn child(upstream: &str) -> Setup {
    Cache::setup().config(&format!("upstream: {{max_retries: 0, {upstream}}}"))
}

/// An origin that has `/a`, to be kept for a minute.
fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/a", artifact());
    origin
}

fn artifact() -> Reply {
    Reply::ok(Content::literal("artifact")).field("Cache-Control", "max-age=60")
}
