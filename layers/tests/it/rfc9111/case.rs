//! How a case is written: see `fixtures/rfc9111/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use artifact_cache_layers::semantics::http_date;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    pub(crate) section: String,
    pub(crate) case: Vec<Case>,
}

/// Times are seconds after the response arrived, `{n}` in a field is the HTTP date `n` seconds after.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Case {
    pub(crate) id: String,
    /// The identifiers of the public suite's tests that ask the same.
    pub(crate) suite: Vec<String>,
    pub(crate) method: String,
    pub(crate) original_method: String,
    pub(crate) uri: String,
    pub(crate) original: Vec<String>,
    pub(crate) status: u16,
    pub(crate) response: Vec<String>,
    pub(crate) delay: u64,
    pub(crate) not_modified: Option<Vec<String>>,
    pub(crate) validated_at: i64,
    pub(crate) request: Vec<String>,
    pub(crate) at: i64,
    pub(crate) heuristic_errors: bool,
    pub(crate) stale_if_error: bool,
    pub(crate) expect: Expect,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            id: String::new(),
            suite: Vec::new(),
            method: "GET".to_owned(),
            original_method: "GET".to_owned(),
            uri: "http://example.com/a".to_owned(),
            original: Vec::new(),
            status: 200,
            response: Vec::new(),
            delay: 0,
            not_modified: None,
            validated_at: 0,
            request: Vec::new(),
            at: 0,
            heuristic_errors: false,
            stale_if_error: true,
            expect: Expect::default(),
        }
    }
}

#[derive(Deserialize, Default, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    pub(crate) store: Option<String>,
    pub(crate) reuse: Option<String>,
    pub(crate) on_error: Option<bool>,
    pub(crate) only_if_cached: Option<bool>,
    pub(crate) matches: Option<bool>,
    pub(crate) lifetime: Option<u64>,
    pub(crate) age: Option<u64>,
    pub(crate) ttl: Option<u64>,
    pub(crate) selected: Option<bool>,
    pub(crate) conditional: Option<Vec<String>>,
    pub(crate) precondition: Option<String>,
    pub(crate) forward_precondition: Option<bool>,
    pub(crate) fields: Vec<String>,
    pub(crate) absent: Vec<String>,
    pub(crate) not_modified_fields: Option<Vec<String>>,
    pub(crate) invalidates: Option<Vec<String>>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn sections() -> impl Iterator<Item = (String, Section)> {
    let entries = fs::read_dir(root().join("fixtures/rfc9111")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort_unstable();
    assert!(files.len() > 10, "the fixtures are found");
    files.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let section = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, section)
    })
}

/// When the response of every case arrived: 2025-10-09T08:53:20Z.
pub(crate) fn arrival() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

pub(crate) fn after_arrival(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        arrival() - distance
    } else {
        arrival() + distance
    }
}

pub(crate) fn fields(lines: &[String]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .unwrap_or_else(|| panic!("no colon in {line}"));
        let value = HeaderValue::from_bytes(with_date(value.trim()).as_bytes()).unwrap();
        fields.append(name.parse::<HeaderName>().unwrap(), value);
    }
    fields
}

pub(crate) fn with_date(value: &str) -> String {
    match value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        Some(seconds) => {
            let date = http_date::format(after_arrival(seconds.parse().unwrap()));
            date.to_str().unwrap().to_owned()
        }
        None => value.to_owned(),
    }
}
