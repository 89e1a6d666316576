//! The program: reads its arguments, runs the verb, ends with the verb's exit code.

use std::process::ExitCode;

/// The system's allocator gives large buffers back to the kernel with each fill and faults them in again.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    artifact_cache::cli::main(std::env::args_os())
}
