//! Settings from variables of the environment: `ARTIFACT_CACHE__SECTION__KEY`, and the old names.

use figment::value::Value;

use super::{
    layer::Layer,
    legacy,
    origin::Origin,
    problem::Problems,
    setting::{Located, Section},
    suggest::nearest,
    typed::typed,
};

/// How our variables begin. One underscore fewer is somebody else's: `ARTIFACT_CACHE_URL` and
/// `ARTIFACT_CACHE_TOKEN` are the client's, and Kubernetes sets `ARTIFACT_CACHE_PORT` for a service.
pub(super) const PREFIX: &str = "ARTIFACT_CACHE__";

/// One layer for each variable that sets something, weakest first. An empty variable sets nothing.
pub(super) fn layers(
    variables: &[(String, String)],
    root: &'static Section,
    problems: &mut Problems,
) -> Vec<Layer> {
    let settings = root.settings();
    let mut layers = old_names(variables, &settings, problems);
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path = rest.to_lowercase().replace("__", ".");
        match located(&settings, &path) {
            Some(setting) => layers.extend(layer(name, value, &setting, problems)),
            None => unknown(name, &settings, problems),
        }
    }
    layers
}

fn old_names(
    variables: &[(String, String)],
    settings: &[Located],
    problems: &mut Problems,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (old, path) in legacy::VARIABLES {
        let value = variables
            .iter()
            .rev()
            .find(|(name, value)| name == old && (!value.is_empty() || legacy::may_be_empty(old)));
        let setting = located(settings, path);
        if let (Some((name, value)), Some(setting)) = (value, setting)
            && let Some(value) = legacy::translated(path, value)
        {
            layers.extend(layer(name, &value, &setting, problems));
        }
    }
    layers
}

/// The setting at `path`, in a named group too.
fn located(settings: &[Located], path: &str) -> Option<Located> {
    let found = settings.iter().find(|setting| setting.path == path);
    found
        .cloned()
        .or_else(|| settings.iter().find_map(|setting| setting.below(path)))
}

fn layer(name: &str, value: &str, setting: &Located, problems: &mut Problems) -> Option<Layer> {
    let origin = Origin::Environment(name.into());
    match typed(setting.key.kind, Value::from(value)) {
        Ok(value) => Some(Layer::of(origin, &setting.path, value)),
        Err(mistyped) => {
            problems.add_from(&setting.path, origin, mistyped.to_string());
            None
        }
    }
}

fn unknown(name: &str, settings: &[Located], problems: &mut Problems) {
    let known: Vec<String> = settings.iter().map(Located::variable).collect();
    let hint = nearest(name, known.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!(", did you mean {near}?"));
    problems.add(name, format!("unknown variable{hint}"));
}
