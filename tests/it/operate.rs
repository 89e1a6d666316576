//! The cache can be operated: it starts or says why not, reloads, stops in order and tells its manager.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test the panic is the report"
)]

mod log;
mod reload;
mod start;
mod stop;

use std::process::{Command, Output, Stdio};

use crate::support::cache::program;

/// A program that is expected to end by itself.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Ended {
    ended(program().args(arguments))
}

fn ended(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    Ended {
        code: status.code().expect("no signal ended it"),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
