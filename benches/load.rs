//! The bundled load test: an origin, the cache and, beside it, nginx, measured turn by turn. See `README.md`.

use std::process::ExitCode;

#[path = "load/mod.rs"]
mod load;

fn main() -> ExitCode {
    load::main()
}
