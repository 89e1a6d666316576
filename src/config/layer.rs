//! One source's values, checked against the table of settings and brought into their types.

use figment::{
    Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use super::{
    flags::ALLOW_CIDR,
    origin::Origin,
    problem::Problems,
    setting::{Kind, Section},
    suggest::nearest,
    typed::typed,
};

/// The values that one source sets.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    values: Value,
}

impl Layer {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            values: Value::from(Dict::new()),
        }
    }

    /// A layer of one value.
    pub(super) fn of(origin: Origin, path: &str, value: impl Into<Value>) -> Self {
        Self::new(origin).with(path, value)
    }

    /// Adds a value at a path such as `server.port`.
    pub(super) fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let nested = figment::util::nest(path, value.into());
        self.values = merged(self.values, nested);
        self
    }

    /// Takes over a parsed file, without keys that no section knows.
    pub(super) fn of_tree(
        origin: Origin,
        tree: Dict,
        root: &'static Section,
        problems: &mut Problems,
    ) -> Self {
        let mut walk = Walk {
            origin: &origin,
            root,
            problems,
        };
        let values = Value::from(walk.section("", root, tree));
        Self { origin, values }
    }

    /// Whether this source sets the setting at `path`.
    pub(super) fn sets(&self, path: &str) -> bool {
        self.values.find_ref(path).is_some()
    }

    /// The text at `path`.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.values
            .find_ref(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    /// Whether lists are added to those of weaker sources instead of replacing them.
    pub(super) fn adds(&self) -> bool {
        self.origin == Origin::Flag(ALLOW_CIDR)
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = self.values.clone().into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(values))
    }
}

fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Dict(tag, mut one), Value::Dict(_, other)) => {
            for (key, value) in other {
                let value = match one.remove(&key) {
                    Some(before) => merged(before, value),
                    None => value,
                };
                one.insert(key, value);
            }
            Value::Dict(tag, one)
        }
        (_, other) => other,
    }
}

/// Goes through a file beside the table of settings.
struct Walk<'a> {
    origin: &'a Origin,
    root: &'static Section,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn section(&mut self, prefix: &str, section: &'static Section, tree: Dict) -> Dict {
        let mut kept = Dict::new();
        for (name, value) in tree {
            let path = format!("{prefix}{name}");
            let Some(key) = section.keys.iter().find(|key| key.name == name) else {
                let hint = hint(self.root, section, prefix, &name);
                self.problems
                    .add_from(&path, self.origin.clone(), format!("unknown key{hint}"));
                continue;
            };
            if let Some(value) = self.value(&path, key.kind, value) {
                kept.insert(name, value);
            }
        }
        kept
    }

    /// Sections under names of the operator's choice. A name alone is a section of defaults.
    fn named(&mut self, path: &str, section: &'static Section, tree: Dict) -> Dict {
        let mut kept = Dict::new();
        for (name, value) in tree {
            let value = match value {
                Value::Empty(..) => Value::from(Dict::new()),
                value => value,
            };
            let path = format!("{path}.{name}");
            if let Some(value) = self.value(&path, Kind::Section(section), value) {
                kept.insert(name, value);
            }
        }
        kept
    }

    /// A key without a value, as a section with all its keys commented out, sets nothing.
    fn value(&mut self, path: &str, kind: Kind, value: Value) -> Option<Value> {
        match (kind, value) {
            (_, Value::Empty(..)) => None,
            (Kind::Section(section), Value::Dict(_, tree)) => {
                Some(self.section(&format!("{path}."), section, tree).into())
            }
            (Kind::Named(section), Value::Dict(_, tree)) => {
                Some(self.named(path, section, tree).into())
            }
            (Kind::Section(_) | Kind::Named(_), _) => {
                self.problems.add_from(
                    path,
                    self.origin.clone(),
                    "must be a section with keys of its own",
                );
                None
            }
            (kind, value) => match typed(kind, value) {
                Ok(value) => Some(value),
                Err(mistyped) => {
                    self.problems
                        .add_from(path, self.origin.clone(), mistyped.to_string());
                    None
                }
            },
        }
    }
}

/// `, did you mean …`, from the same section first, then from every section.
fn hint(root: &'static Section, section: &'static Section, prefix: &str, name: &str) -> String {
    let siblings = section.keys.iter().map(|key| key.name);
    if let Some(near) = nearest(name, siblings) {
        return format!(", did you mean `{prefix}{near}`?");
    }
    let elsewhere = root
        .settings()
        .into_iter()
        .find(|setting| setting.key.name == name);
    elsewhere.map_or_else(String::new, |setting| {
        format!(", did you mean `{}`?", setting.path)
    })
}
