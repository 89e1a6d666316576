//! The program: reads its arguments, runs the verb, ends with the verb's exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    artifact_cache::cli::main(std::env::args_os())
}
