//! The configuration's documentation, written from the same table that loads it.

use super::{
    Config, legacy,
    setting::{Key, Kind, Located, Section},
    show::written,
};

/// The width of the comments in the configuration file.
const WIDTH: usize = 100;

/// `docs/CONFIG.md`.
#[must_use]
pub fn markdown() -> String {
    let mut parts = vec![INTRODUCTION.to_owned(), old_variables()];
    for (name, section) in sections() {
        parts.push(format!("\n## `{name}`\n\n{}\n\n", prose(section.about)));
        parts.push(
            "| Key | Type | Default | Environment | Meaning |\n|---|---|---|---|---|\n".into(),
        );
        parts.extend(rows(name));
        parts.extend(named(name));
    }
    parts.concat()
}

/// `deploy/config.yaml`: every setting in a comment, with its default.
#[must_use]
pub fn template() -> String {
    let mut parts = vec![TEMPLATE_HEAD.to_owned()];
    for (name, section) in sections() {
        parts.push(format!("\n{}{name}:\n", comment("", section.about)));
        parts.extend(commented_settings(name));
    }
    parts.concat()
}

fn sections() -> impl Iterator<Item = (&'static str, &'static Section)> {
    Config::SECTION
        .keys
        .iter()
        .filter_map(|key| match key.kind {
            Kind::Section(section) => Some((key.name, section)),
            _ => None,
        })
}

/// The settings of a section: name within it, setting, default.
fn defaults(section: &str) -> impl Iterator<Item = (String, Located, String)> {
    let prefix = format!("{section}.");
    written(&Config::default())
        .into_iter()
        .filter_map(move |(setting, default)| {
            Some((
                setting.path.strip_prefix(&prefix)?.to_owned(),
                setting,
                default,
            ))
        })
}

const INTRODUCTION: &str = "\
# Configuration

This page is written from the settings' own declarations; a test keeps it so.

Sources, weakest first: defaults, the YAML file, the environment, the command line. The file is the one
that `--config` names, else `./config.yaml` if it exists. A key that is not listed here is an error.
`artifact-cache config show` prints every setting in effect and where it came from.

- **Environment**: the name in the tables. A list is written `[a,b]`; an empty variable sets nothing.
- **Command line**: `--listen` (`server.host`, `server.port`), `--metrics-listen` (`metrics.host`,
  `metrics.port`; switches it on), `--tls-self-signed` (`server.tls`, `tls.self_signed`), `--data DIR`
  (`storage.base_path: DIR/cache`, `storage.database: DIR/catalog`, `storage.temporary_path: DIR/tmp`),
  `--log-format`, `--log-level`, and `--allow-cidr`, which is repeatable and adds to `egress.allow_cidrs`.
- **Duration**: a whole number with `ms`, `s`, `m`, `h` or `d`; without a unit, seconds.
- **Size**: a whole number with `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB` or `TB`; without a unit, bytes.
- **Switch**: `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`.
- **Ports**: `443` or `1024-65535`.
- `storage.database` may name a file, as in `/data/metadata.db`: the catalog is then the directory
  `catalog` beside it, and a file of that name is left alone.
- When only `storage.base_path` is set, `storage.database` and `storage.temporary_path` are the
  directories `catalog` and `tmp` beside it.
";

const TEMPLATE_HEAD: &str = "\
# Configuration of artifact-cache. Every setting is here with its default; remove the `#` before the
# ones to change. Written from the program's own declarations, see docs/CONFIG.md.
";

fn old_variables() -> String {
    let mut lines = vec![
        "\nOlder names of the environment are read as well, below the ones of the tables:\n"
            .to_owned(),
        "| Variable | Setting |\n|---|---|".to_owned(),
    ];
    lines.extend(legacy::VARIABLES.map(|(variable, path)| format!("| `{variable}` | `{path}` |")));
    lines.join("\n") + "\n"
}

fn rows(section: &str) -> impl Iterator<Item = String> {
    defaults(section).map(|(name, setting, default)| {
        let (kind, variable) = (kind(setting.key.kind), setting.variable());
        let about = meaning(&setting.key).replace('|', "\\|");
        format!("| `{name}` | {kind} | `{default}` | `{variable}` | {about} |\n")
    })
}

/// The keys of sections that the operator names.
fn named(section: &'static str) -> impl Iterator<Item = String> {
    defaults(section).filter_map(move |(name, setting, _)| {
        let Kind::Named(group) = setting.key.kind else {
            return None;
        };
        let head = format!(
            "\nEach of `{section}.{name}.<name>`, in the environment `{}__<NAME>__…`:\n\n| Key | Type | Meaning |\n|---|---|---|\n",
            setting.variable()
        );
        let rows = group.keys.iter().map(|key| {
            let about = meaning(key).replace('|', "\\|");
            format!("| `{}` | {} | {about} |\n", key.name, kind(key.kind))
        });
        Some(std::iter::once(head).chain(rows).collect::<String>())
    })
}

fn commented_settings(section: &str) -> impl Iterator<Item = String> {
    defaults(section).map(|(name, setting, default)| {
        format!(
            "{}  #{name}: {default}\n",
            comment("  ", &meaning(&setting.key))
        )
    })
}

/// What a setting does, and what each word means where it is one of a few.
fn meaning(key: &Key) -> String {
    let words = match key.kind {
        Kind::Choice(words) => words,
        _ => &[],
    };
    let words = words
        .iter()
        .map(|(word, about)| format!("`{word}`: {}", prose(about)));
    let keys = match key.kind {
        Kind::List(Kind::Section(section)) => section.keys,
        _ => &[],
    };
    let keys = keys
        .iter()
        .map(|key| format!("`{}`: {}", key.name, prose(key.about)));
    std::iter::once(prose(key.about))
        .chain(words)
        .chain(keys)
        .collect::<Vec<_>>()
        .join(" ")
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Secret => "secret".into(),
        Kind::Number(_) => "number".into(),
        Kind::Switch => "switch".into(),
        Kind::Span => "duration".into(),
        Kind::Size => "size".into(),
        Kind::Path => "path".into(),
        Kind::Address => "IP address".into(),
        Kind::Network => "CIDR range".into(),
        Kind::Choice(words) => words
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::List(item) => format!("list: {}", self::kind(*item)),
        Kind::Optional(value) => format!("{}, optional", self::kind(*value)),
        Kind::Named(_) => "sections by name".into(),
        Kind::Section(section) => {
            let keys = section.keys.iter().map(|key| format!("`{}`", key.name));
            format!("mapping of {}", keys.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Words separated by single spaces, whatever the lines of the source were.
fn prose(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` in comment lines of limited width.
fn comment(indent: &str, text: &str) -> String {
    let mut lines = Vec::new();
    let mut line = format!("{indent}#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, format!("{indent}#")));
        }
        line = line + " " + word;
    }
    lines.push(line);
    lines.join("\n") + "\n"
}
