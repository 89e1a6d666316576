//! What the verbs do on this machine itself: run the cache, read its configuration, check its files
//! (`check`). The one place in which the command line meets the rest of the program.

pub(super) mod authority;
pub(super) mod backup;
mod check;
pub(super) mod tokens;
pub(super) mod trust;

use artifact_cache_layers::body::BoxError;

pub use check::{Consistency, Damage, Verified};
pub(super) use check::{fsck, import, maintain, verify};

use super::settings::Settings;
use crate::{
    app,
    clock::Clock,
    config::{self, Flags, Sources},
    telemetry::{log, metrics::Metrics},
};

/// Runs the cache until it is told to stop and has drained.
pub(super) async fn serve(settings: Settings) -> Result<(), BoxError> {
    let sources = sources(settings);
    let loaded = config::load(&sources)?;
    let metrics = Metrics::new();
    let dropped = metrics.log_lines_dropped.clone();
    let log = log::start(
        &loaded.config.logging,
        Clock::system(),
        &sources.environment,
        dropped,
    )?;
    app::run(loaded, sources, log, metrics).await?;
    Ok(())
}

/// Reads the configuration; the error says what is wrong.
pub(super) fn check(settings: Settings) -> Result<(), BoxError> {
    config::load(&sources(settings))?;
    Ok(())
}

/// The configuration as text, with the origin of each value if wanted, as JSON if wanted.
pub(super) fn show(settings: Settings, origin: bool, json: bool) -> Result<String, BoxError> {
    let loaded = config::load(&sources(settings))?;
    Ok(match (json, origin) {
        (true, _) => serde_json::to_string_pretty(&loaded.json())? + "\n",
        (false, true) => loaded.table(),
        (false, false) => loaded.values(),
    })
}

fn sources(settings: Settings) -> Sources {
    Sources {
        file: settings.config,
        environment: config::environment_of_the_process(),
        flags: Flags {
            listen: settings.listen,
            metrics_listen: settings.metrics_listen,
            tls_self_signed: settings.tls_self_signed,
            data: settings.data,
            allow_cidr: settings.allow_cidr,
            log_format: settings.log_format.map(Into::into),
            log_level: settings.log_level,
        },
    }
}
