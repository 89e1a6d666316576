//! Every effective setting with its origin, as a table for people and as JSON. Secrets are stars.

use figment::value::Value;
use serde::Serialize;

use super::{
    Config,
    load::Loaded,
    origin::Origin,
    secret::STARS,
    setting::{Kind, Located},
};

/// One setting as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The setting, as `section.key`.
    pub key: String,
    /// Its value as the file would write it.
    pub value: String,
    /// Where the value came from.
    pub origin: String,
}

impl Loaded {
    /// Where the value at `path`, such as `server.port`, came from; the strongest source when several
    /// add up.
    #[must_use]
    pub fn origin(&self, path: &str) -> Origin {
        self.origins
            .get(path)
            .and_then(|sources| sources.last())
            .cloned()
            .unwrap_or_default()
    }

    /// The same origins with the values that are in force, where not all of these are.
    #[must_use]
    pub fn of(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Every setting, in the order of the documentation.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let settings = written(&self.config).into_iter();
        settings
            .map(|(setting, value)| Row {
                origin: self.sources(&setting.path),
                key: setting.path,
                value,
            })
            .collect()
    }

    /// The rows as a table in columns.
    #[must_use]
    pub fn table(&self) -> String {
        let rows = self.rows();
        let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max();
        let key = width(|row| &row.key).unwrap_or(0);
        let value = width(|row| &row.value).unwrap_or(0);
        rows.iter().fold(String::new(), |table, row| {
            table + &format!("{:key$}  {:value$}  {}\n", row.key, row.value, row.origin)
        })
    }

    /// The settings with their values, one a line.
    #[must_use]
    pub fn values(&self) -> String {
        let line = |row: Row| format!("{}: {}\n", row.key, row.value);
        self.rows().into_iter().map(line).collect()
    }

    /// The rows as a JSON array of objects with `key`, `value` and `origin`.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!(self.rows())
    }

    fn sources(&self, path: &str) -> String {
        let sources = self.origins.get(path).map_or(&[][..], Vec::as_slice);
        let names: Vec<String> = sources.iter().map(Origin::to_string).collect();
        if names.is_empty() {
            Origin::Default.to_string()
        } else {
            names.join(" + ")
        }
    }
}

/// Every setting of `config` with its value as the file writes it.
pub(super) fn written(config: &Config) -> Vec<(Located, String)> {
    // Settings are plain data, which always serialises.
    let tree = Value::serialize(config).unwrap_or_else(|_| Value::from(""));
    let settings = Config::SECTION.settings().into_iter();
    settings
        .map(|setting| {
            let value = tree.find_ref(&setting.path);
            let text = value.map_or_else(String::new, |value| in_yaml(setting.key.kind, value));
            (setting, text)
        })
        .collect()
}

/// A value in YAML's flow style.
fn in_yaml(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Secret, Value::String(_, text)) if !text.is_empty() => STARS.into(),
        (_, Value::Empty(..)) => "null".into(),
        (_, Value::Bool(_, value)) => value.to_string(),
        (_, Value::Num(_, number)) => number.to_u128().unwrap_or_default().to_string(),
        (Kind::List(kind), Value::Array(_, items)) => {
            let items: Vec<String> = items.iter().map(|item| in_yaml(*kind, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Kind::Named(section), Value::Dict(_, groups)) => {
            let groups = groups.iter().map(|(name, group)| {
                let set = section.keys.iter().filter_map(|key| {
                    let value = group.find_ref(key.name)?;
                    let is_set = !matches!(value, Value::Empty(..));
                    is_set.then(|| format!("{}: {}", key.name, in_yaml(key.kind, value)))
                });
                format!("{name}: {{{}}}", set.collect::<Vec<_>>().join(", "))
            });
            format!("{{{}}}", groups.collect::<Vec<_>>().join(", "))
        }
        (Kind::Section(section), Value::Dict(_, values)) => {
            let entries = section.keys.iter().filter_map(|key| {
                let value = values.get(key.name)?;
                Some(format!("{}: {}", key.name, in_yaml(key.kind, value)))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        (Kind::Optional(kind), value) => in_yaml(*kind, value),
        (Kind::Span | Kind::Size, Value::String(_, text)) => text.clone(),
        (_, value) => scalar(value.as_str().unwrap_or_default()),
    }
}

/// A text, in quotes where YAML would read something else.
fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/+=:".contains(c))
        && !text.ends_with(':')
        && !text.starts_with(['-', ':', '='])
        && yaml_serde::from_str::<String>(text).is_ok_and(|read| read == text)
        && matches!(yaml_serde::from_str(text), Ok(yaml_serde::Value::String(_)));
    if plain {
        text.into()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
