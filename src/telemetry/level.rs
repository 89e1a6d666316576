//! What `logging.level` means: a level, or a list of filters by module.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// The text is neither a level nor a list of filters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no level; write error, warn, info, debug, trace or off, or filters such as `info,artifact_cache=debug`"
)]
pub struct InvalidLevel(String);

/// The filter that `text` describes, in any case. `warning` is `warn`.
///
/// # Errors
/// When a part of it is neither a level nor `module=level`: the filter library would take a mistyped
/// level for the name of a module and log nothing.
pub fn parse(text: &str) -> Result<EnvFilter, InvalidLevel> {
    let parts: Option<Vec<String>> = text.split(',').map(|part| directive(part.trim())).collect();
    parts
        .and_then(|parts| EnvFilter::try_new(parts.join(",")).ok())
        .ok_or_else(|| InvalidLevel(text.into()))
}

fn directive(text: &str) -> Option<String> {
    match text.rsplit_once('=') {
        Some((module, word)) if !module.is_empty() => Some(format!("{module}={}", level(word)?)),
        Some(_) => None,
        None => level(text).map(|level| level.to_string()),
    }
}

fn level(word: &str) -> Option<LevelFilter> {
    let word = word.trim().to_lowercase();
    // Digits are levels to the library, but to nobody else.
    match word.as_str() {
        "warning" => Some(LevelFilter::WARN),
        "" | "0" | "1" | "2" | "3" | "4" | "5" => None,
        word => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused_rather_than_taken_for_a_module() {
        for good in [
            "info",
            "WARN",
            "Warning",
            "off",
            "info,artifact_cache::upstream=debug",
            "hyper=Warn",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "infos",
            "verbose",
            "3",
            "artifact_cache=loud",
            "=debug",
            "info,,debug",
        ] {
            assert_eq!(parse(bad).unwrap_err(), InvalidLevel(bad.into()));
        }
    }
}
