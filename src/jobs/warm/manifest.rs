//! [`Manifest`]: what a text names, in whichever of the known forms it is written.

use artifact_cache_layers::{digest::Sha256, semantics::target_uri::TargetUri};
use serde::Deserialize;
use url::Url;

use super::{Item, go, packages, python, rust};

/// Most artifacts of one manifest.
const MAX_ITEMS: usize = 200_000;
/// Entries that cannot be warmed and are told one by one.
const MAX_SKIPPED: usize = 10_000;

/// The form of a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Whatever it looks like.
    #[default]
    Auto,
    /// A URL per line, and behind a space its digest, if it has one.
    Urls,
    /// A list in YAML or JSON: URLs, or objects with `url` and `sha256`.
    List,
    /// `requirements.txt` with hashes.
    Requirements,
    /// `package-lock.json`.
    PackageLock,
    /// `Cargo.lock`.
    CargoLock,
    /// `go.sum`.
    GoSum,
    /// What `sha256sum` prints.
    Sha256sums,
}

/// What a text does not say itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// In which form it is.
    pub format: Format,
    /// What names of files are relative to.
    pub base_url: Option<String>,
    /// The registry or index that names of packages are looked up in.
    pub index: Option<String>,
    /// Mirrors by name, one of which is the index where none is given.
    pub mirrors: Vec<(String, String)>,
}

impl Options {
    /// The index that was given, or the mirror of this name.
    fn index(&self, mirror: &str) -> Option<&str> {
        let named = || self.mirrors.iter().find(|(name, _)| name == mirror);
        let given = self.index.as_deref();
        given.or_else(|| named().map(|(_, url)| url.as_str()))
    }
}

/// What can be fetched.
const SCHEMES: [&str; 4] = ["http", "https", "s3", "minio"];

/// What a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// In order, each once.
    pub items: Vec<Item>,
    /// What is named and cannot be fetched, and why.
    pub skipped: Vec<(String, &'static str)>,
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// A line or an entry is none of this form.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1; of lists, the entry.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is not what its form wants.
    #[error("{0}")]
    Document(String),
    /// The form wants a URL that was not given.
    #[error("this form needs {0}")]
    Needs(&'static str),
    /// It names too much.
    #[error("more than {MAX_ITEMS} artifacts")]
    TooMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Url(String),
    #[serde(rename_all = "snake_case")]
    Entry {
        url: String,
        sha256: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Bare(Vec<Listed>),
    Named { artifacts: Vec<Listed> },
}

impl Manifest {
    /// Reads a text.
    ///
    /// # Errors
    /// When it cannot be read, or a URL is missing that its form needs.
    pub fn parse(text: &str, options: &Options) -> Result<Self, Unreadable> {
        let format = match options.format {
            Format::Auto => detected(text),
            format => format,
        };
        let mut manifest = match format {
            Format::Auto | Format::Urls => urls(text),
            Format::List => list(text),
            Format::Sha256sums => sums(text, options),
            Format::Requirements => python::requirements(text, options.index("pypi")),
            Format::PackageLock => packages::lock(text),
            Format::CargoLock => rust::lock(text, options.index("crates")),
            Format::GoSum => go::sums(text, options.index("go")),
        }?;
        let mut seen = std::collections::HashSet::new();
        manifest
            .items
            .retain(|item| seen.insert(format!("{item:?}")));
        manifest.skipped.truncate(MAX_SKIPPED);
        if manifest.items.len() > MAX_ITEMS {
            return Err(Unreadable::TooMany);
        }
        Ok(manifest)
    }

    pub(super) fn skip(&mut self, subject: &str, reason: &'static str) {
        self.skipped.push((subject.to_owned(), reason));
    }
}

/// What a text looks like.
fn detected(text: &str) -> Format {
    let mut lines = lines(text).map(|(_, line)| line);
    let first = lines.next().unwrap_or_default();
    let all = || std::iter::once(first).chain(self::lines(text).map(|(_, line)| line));
    if first.starts_with(['{', '[']) && !first.starts_with("[[") {
        let is_lock = text.contains("\"lockfileVersion\"");
        return if is_lock {
            Format::PackageLock
        } else {
            Format::List
        };
    }
    if all().any(|line| line == "[[package]]") {
        return Format::CargoLock;
    }
    if first.starts_with("- ") || first.starts_with("artifacts:") {
        return Format::List;
    }
    // An option of pip may have a URL, too.
    if first.contains("://") && !first.contains(" @ ") && !first.starts_with('-') {
        return Format::Urls;
    }
    if first
        .split([' ', '\t'])
        .next()
        .is_some_and(|word| word.parse::<Sha256>().is_ok())
    {
        return Format::Sha256sums;
    }
    if first.contains(" h1:") {
        return Format::GoSum;
    }
    if all().any(|line| line.contains("==") || line.contains("--hash=")) {
        return Format::Requirements;
    }
    Format::Urls
}

/// The lines that say something, with their numbers.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate();
    let lines = lines.map(|(number, line)| (number + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn urls(text: &str) -> Result<Manifest, Unreadable> {
    let mut manifest = Manifest::default();
    for (line, entry) in lines(text) {
        let mut words = entry.split_whitespace();
        let (url, digest) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(at(line, "a URL and a digest are expected"));
        }
        manifest.items.push(artifact(line, url, digest)?);
    }
    Ok(manifest)
}

fn list(text: &str) -> Result<Manifest, Unreadable> {
    // JSON is YAML.
    let list: List = yaml_serde::from_str(text).map_err(|error| {
        Unreadable::Document(format!(
            "no list of URLs or of objects with url and sha256: {error}"
        ))
    })?;
    let (List::Bare(entries) | List::Named { artifacts: entries }) = list;
    let items = entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| match entry {
            Listed::Url(url) => artifact(at + 1, &url, None),
            Listed::Entry { url, sha256 } => artifact(at + 1, &url, sha256.as_deref()),
        });
    Ok(Manifest {
        items: items.collect::<Result<_, _>>()?,
        ..Manifest::default()
    })
}

/// `<digest> [*]<name>`, as `sha256sum` writes it.
fn sums(text: &str, options: &Options) -> Result<Manifest, Unreadable> {
    let needs = "base_url, which the names are relative to";
    let base = base(options.base_url.as_deref(), needs)?;
    let mut manifest = Manifest::default();
    for (line, entry) in lines(text) {
        let (digest, name) = entry.split_once([' ', '\t']).unwrap_or((entry, ""));
        let name = name.trim_start_matches([' ', '\t']);
        let name = name.strip_prefix('*').unwrap_or(name);
        let name = name.strip_prefix("./").unwrap_or(name);
        if name.is_empty() {
            return Err(at(line, "a digest and a name are expected"));
        }
        let url = base
            .join(name)
            .map_err(|error| at(line, &error.to_string()))?;
        manifest
            .items
            .push(artifact(line, url.as_str(), Some(digest))?);
    }
    Ok(manifest)
}

/// A URL that others are relative to, with a slash at its end.
pub(super) fn base(text: Option<&str>, needs: &'static str) -> Result<Url, Unreadable> {
    let text = text.ok_or(Unreadable::Needs(needs))?;
    let text = format!("{}/", text.trim_end_matches('/'));
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| Unreadable::Document(format!("`{text}` is no http or https URL")))
}

/// An artifact by its URL. A fragment may have the digest: `#sha256=…`.
pub(super) fn artifact(line: usize, url: &str, digest: Option<&str>) -> Result<Item, Unreadable> {
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let named = fragment.strip_prefix("sha256=");
    let digest = digest.or(named).map(|text| {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let wrong = || at(line, &format!("`{text}` is no SHA-256 in hex"));
        hex.parse::<Sha256>().map_err(|_| wrong())
    });
    let uri = url.parse::<TargetUri>().ok();
    let uri = uri.filter(|uri| SCHEMES.contains(&uri.scheme()));
    let uri = uri.ok_or_else(|| at(line, &format!("`{url}` is no URL that can be fetched")))?;
    Ok(Item::Url(uri, digest.transpose()?))
}

pub(super) fn at(line: usize, reason: &str) -> Unreadable {
    let reason = reason.to_owned();
    Unreadable::Line { line, reason }
}

#[cfg(test)]
mod tests;
