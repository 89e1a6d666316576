//! Loading: defaults < file < environment < flags, merged by figment, checked, with every origin kept.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Format, Serialized},
    value::Dict,
};
use serde::de::DeserializeOwned;

use super::{
    Config, ConfigError, environment,
    flags::{Flags, text},
    layer::Layer,
    origin::Origin,
    problem::{Problem, Problems},
    storage::{CATALOG, TEMPORARY, beside},
};

/// The file that is read when none is named and it exists.
const FILE: &str = "config.yaml";

/// Where settings come from, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; it must exist. Without one, `./config.yaml` is read when it exists.
    pub file: Option<PathBuf>,
    /// The environment's variables, as [`environment_of_the_process`] gives them.
    pub environment: Vec<(String, String)>,
    /// Options of the command line.
    pub flags: Flags,
}

/// A configuration, and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, complete and checked.
    pub config: Config,
    pub(super) origins: BTreeMap<String, Vec<Origin>>,
}

/// Loads the configuration.
///
/// # Errors
/// When the file cannot be read or parsed; otherwise every problem with any setting at once.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    load_in(Path::new(""), sources)
}

/// The one place that reads the environment. Bytes that are no Unicode are replaced.
#[must_use]
pub fn environment_of_the_process() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}

fn load_in(directory: &Path, sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut problems = Problems::default();
    let mut layers = Vec::from_iter(file(directory, sources.file.as_deref(), &mut problems)?);
    layers.extend(environment::layers(
        &sources.environment,
        Config::SECTION,
        &mut problems,
    ));
    layers.extend(sources.flags.layers());
    layers.splice(0..0, derived_paths(&layers));

    let origins = origins(&layers);
    let config = merge(&layers, &mut problems).map(settled);
    if let Some(Err(found)) = config.as_ref().map(Config::validate) {
        problems.0.extend(found);
    }
    match config {
        Some(config) if problems.0.is_empty() => Ok(Loaded { config, origins }),
        _ => Err(ConfigError::Problems(attributed(problems, &origins))),
    }
}

/// The configuration file's layer, if there is a file.
fn file(
    directory: &Path,
    named: Option<&Path>,
    problems: &mut Problems,
) -> Result<Option<Layer>, ConfigError> {
    let path = named.map_or_else(|| directory.join(FILE), Path::to_owned);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(source) => return Err(ConfigError::Unreadable { path, source }),
    };
    // A file of comments only is empty, which is no mapping.
    match Yaml::from_str::<Option<Dict>>(&text) {
        Ok(tree) => {
            let tree = tree.unwrap_or_default();
            Ok(Some(Layer::of_tree(
                Origin::File(path),
                tree,
                Config::SECTION,
                problems,
            )))
        }
        Err(source) => Err(ConfigError::Malformed { path, source }),
    }
}

/// YAML for figment, whose own reader stands on a library that is no longer maintained.
struct Yaml;

impl Format for Yaml {
    type Error = yaml_serde::Error;
    const NAME: &'static str = "YAML";

    fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Self::Error> {
        // By way of a tree, because only that refuses a key that is written twice.
        yaml_serde::from_str::<yaml_serde::Value>(text)?;
        yaml_serde::from_str(text)
    }
}

/// Whoever moves only the artifacts wants the rest beside them, on the same file system.
fn derived_paths(layers: &[Layer]) -> Vec<Layer> {
    let Some(base) = layers
        .iter()
        .rev()
        .find_map(|layer| layer.text("storage.base_path"))
    else {
        return Vec::new();
    };
    let origin = Origin::Derived("storage.base_path");
    [
        ("storage.database", CATALOG),
        ("storage.temporary_path", TEMPORARY),
    ]
    .map(|(path, name)| Layer::of(origin.clone(), path, text(&beside(Path::new(&base), name))))
    .into()
}

/// The sources of every setting that is not a default.
fn origins(layers: &[Layer]) -> BTreeMap<String, Vec<Origin>> {
    let mut origins = BTreeMap::<String, Vec<Origin>>::new();
    for setting in Config::SECTION.settings() {
        for layer in layers.iter().filter(|layer| layer.sets(&setting.path)) {
            let sources = origins.entry(setting.path.clone()).or_default();
            if !layer.adds() {
                sources.clear();
            }
            sources.push(layer.origin.clone());
        }
    }
    origins
}

/// Merges defaults and layers, and reads every setting by itself so that each mismatch is found.
fn merge(layers: &[Layer], problems: &mut Problems) -> Option<Config> {
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    let merged = layers.iter().fold(defaults, |merged, layer| {
        if layer.adds() {
            merged.admerge(layer)
        } else {
            merged.merge(layer)
        }
    });
    let before = problems.0.len();
    for setting in Config::SECTION.settings() {
        if let Some(mismatch) = (setting.key.mismatch)(&merged, &setting.path) {
            problems.add(&setting.path, mismatch.to_string());
        }
    }
    if problems.0.len() > before {
        return None;
    }
    match merged.extract() {
        Ok(config) => Some(config),
        Err(error) => {
            problems.add(&error.path.join("."), error.kind.to_string());
            None
        }
    }
}

fn settled(mut config: Config) -> Config {
    config.storage.settle();
    config.registry.settle();
    config
}

/// Says of each problem where its value came from.
fn attributed(problems: Problems, origins: &BTreeMap<String, Vec<Origin>>) -> Vec<Problem> {
    let mut problems = problems.0;
    for problem in &mut problems {
        if problem.origin == Origin::Default
            && let Some(origin) = origins.get(&problem.key).and_then(|sources| sources.last())
        {
            problem.origin = origin.clone();
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_working_directory_is_read_when_none_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let absent = load_in(directory.path(), &Sources::default()).unwrap();
        assert_eq!(absent.config, Config::default());

        fs::write(directory.path().join(FILE), "server:\n  port: 81\n").unwrap();
        let present = load_in(directory.path(), &Sources::default()).unwrap();
        assert_eq!(present.config.server.port, 81);
        assert_eq!(
            present.origin("server.port"),
            Origin::File(directory.path().join(FILE))
        );
    }
}
