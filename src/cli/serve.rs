//! `serve`: runs the cache until it is told to stop.

use super::{exit::Failure, local, settings::Settings};

/// Runs the cache on a runtime with a thread per core.
pub(super) fn run(settings: Settings) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?
        .block_on(local::serve(settings))
        .map_err(Failure::Local)
}
