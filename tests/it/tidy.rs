//! The invariants of the architecture, read from the sources: which module may know which, and who
//! alone dials, touches files, LMDB, the clock, the environment and metric names.
//!
//! Comments and test modules are left out. The reading is plain text search; it is there to catch a
//! slip, not somebody who hides.

#![expect(
    clippy::expect_used,
    reason = "without its sources the test has nothing to say"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Which modules each module of `src` may use, and through them whatever those may use. This is the
/// picture of `docs/ARCHITECTURE.md` in words.
const USES: [(&str, &[&str]); 28] = [
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["app", "artifacts_store"]),
    // A library of its own beside the cache: files of its users, and one store.
    ("artifacts_store", &["s3", "upstream"]),
    ("app", &["server", "stack", "webhook"]),
    // Generic over the stack that it serves.
    ("server", &[]),
    (
        "stack",
        &[
            "access", "api", "fleet", "mirror", "proxy", "upstream", "rescue",
        ],
    ),
    ("rescue", &["api", "upstream", "respond"]),
    ("access", &["catalog", "pace"]),
    ("pace", &[]),
    // Texts for clients; the command line and a page show them.
    ("setup", &[]),
    ("api", &["access", "jobs", "respond", "setup"]),
    ("jobs", &["store"]),
    // Translates what the layers answered; it needs no part of the product.
    ("mirror", &[]),
    // Sends messages out by the one way out; the application connects it with the registry.
    ("webhook", &["upstream"]),
    ("fleet", &["store", "s3"]),
    ("proxy", &["pace", "respond", "upstream"]),
    ("upstream", &["pace", "s3"]),
    ("store", &["catalog", "blob"]),
    ("catalog", &["artifact"]),
    ("blob", &["artifact"]),
    ("artifact", &[]),
    ("s3", &[]),
    ("respond", &[]),
    ("error", &["config"]),
    ("telemetry", &["config", "clock", "error", "artifact"]),
    ("config", &[]),
    ("clock", &[]),
];

/// What every module may use, but for these themselves and the plain values of `artifact`.
const LEAVES: [&str; 4] = ["error", "telemetry", "config", "clock"];
const PLAIN: [&str; 5] = ["error", "telemetry", "config", "clock", "artifact"];

/// Uses against the picture, each with its reason.
const EXCEPTIONS: [(&str, &str); 2] = [
    // A level is checked by whoever filters by it.
    ("src/config/logging.rs", "telemetry"),
    // The stack is written over the assembled `App`, which owns its parts.
    ("src/stack.rs", "app"),
];

/// Files that may be longer than 400 lines, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];
const MAX_LINES: usize = 400;

/// One source file, without comments and tests.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    code: String,
    lines: usize,
    opens_with_docs: bool,
}

impl Source {
    /// `src/upstream/dial.rs` is part of `upstream`.
    fn module(&self) -> &str {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = path.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            found.extend(sources(&path));
        } else if Path::new(&name).extension() == Some("rs".as_ref()) && name != "tests.rs" {
            found.push(source(path));
        }
    }
    found
}

fn source(path: String) -> Source {
    let text = fs::read_to_string(root().join(&path)).expect("the file can be read");
    let own = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let lines: Vec<_> = own.map(str::trim_start).collect();
    let code = lines.iter().filter(|line| !line.starts_with("//"));
    Source {
        code: code.copied().collect::<Vec<_>>().join("\n"),
        lines: lines.len(),
        opens_with_docs: text.starts_with("//!"),
        path,
    }
}

/// The names of modules that `code` reaches through `crate::…`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let flat: String = code.split_whitespace().collect();
    let mut used = BTreeSet::new();
    for rest in flat.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => used.extend(names_in_group(group)),
            None => used.extend(first_name(rest)),
        }
    }
    used
}

fn names_in_group(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let end = group.find(|c| {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.wrapping_sub(1),
            _ => depth,
        };
        depth == usize::MAX
    });
    let group = &group[..end.unwrap_or(group.len())];
    let mut inner = 0_usize;
    let parts = group.split(|c| {
        match c {
            '{' => inner += 1,
            '}' => inner -= 1,
            _ => {}
        }
        c == ',' && inner == 0
    });
    parts.filter_map(first_name).collect()
}

fn first_name(path: &str) -> Option<String> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &path[..end.unwrap_or(path.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

/// Everything that `module` may use: what the table says of it, transitively, and the leaves.
fn reachable(module: &str) -> BTreeSet<&'static str> {
    let table: BTreeMap<_, _> = USES.into_iter().collect();
    let mut open: Vec<&str> = table.get(module).copied().unwrap_or_default().to_vec();
    if !PLAIN.contains(&module) {
        open.extend(LEAVES);
    }
    let mut reached = BTreeSet::new();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(table.get(next).copied().unwrap_or_default());
        }
    }
    reached
}

/// Every place outside `places` where `src` says one of `words`.
fn strangers(words: &[&str], places: &[&str]) -> Vec<String> {
    let outside = sources("src")
        .into_iter()
        .filter(|source| !source.is_in(places));
    let saying = outside.flat_map(|source| {
        let said = words.iter().filter(|word| source.code.contains(**word));
        said.map(|word| format!("{} says `{word}`", source.path))
            .collect::<Vec<_>>()
    });
    saying.collect()
}

#[track_caller]
fn only(places: &[&str], words: &[&str]) {
    let found = strangers(words, places);
    assert!(found.is_empty(), "only {places:?} may: {found:#?}");
}

#[test]
fn modules_depend_on_each_other_one_way() {
    let known: BTreeSet<_> = USES.iter().map(|(name, _)| *name).collect();
    let mut broken = Vec::new();
    for source in sources("src") {
        let module = source.module();
        assert!(
            known.contains(module),
            "{} is not in the picture",
            source.path
        );
        let may_use = reachable(module);
        for used in used_modules(&source.code) {
            let is_module = known.contains(used.as_str()) && used != module;
            let is_excepted = EXCEPTIONS.contains(&(source.path.as_str(), used.as_str()));
            if is_module && !is_excepted && !may_use.contains(used.as_str()) {
                broken.push(format!("{} uses `{used}`", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_picture_has_no_circle() {
    for (module, _) in USES {
        assert!(
            !reachable(module).contains(module),
            "`{module}` reaches itself"
        );
    }
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    for source in sources("src").into_iter().chain(sources("layers/src")) {
        let excepted = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        assert!(
            excepted || source.lines <= MAX_LINES,
            "{}: {} lines",
            source.path,
            source.lines
        );
    }
}

#[test]
fn every_file_opens_with_what_it_owns() {
    for source in sources("src").into_iter().chain(sources("layers/src")) {
        assert!(source.opens_with_docs, "{}", source.path);
    }
}

#[test]
fn only_upstream_and_tunnels_dial() {
    let dialling = [
        "TcpStream::connect",
        "UnixStream::connect",
        "lookup_host",
        "HttpConnector",
        "ToSocketAddrs",
    ];
    // The command line asks a running cache, never an origin.
    only(
        &["src/upstream/", "src/proxy/", "src/cli/client.rs"],
        &dialling,
    );
}

#[test]
fn only_blob_changes_cache_files() {
    let changing = [
        "O_TMPFILE",
        "OFlags::TMPFILE",
        "linkat",
        "hard_link",
        "fs::rename",
        "remove_file",
        "fs::unlink",
        "unlinkat",
        "File::create",
        "OpenOptions",
        "fs::write",
        "set_len",
    ];
    // The others change files of their own: LMDB's and its snapshots, the authority's key, what a
    // user of the command line or the library asked to be written.
    only(
        &[
            "src/blob/",
            "src/catalog/",
            "src/proxy/authority",
            "src/artifacts_store/file.rs",
            "src/cli/",
        ],
        &changing,
    );
}

#[test]
fn only_catalog_touches_lmdb() {
    only(&["src/catalog/"], &["heed", "RwTxn", "RoTxn"]);
}

#[test]
fn only_the_clock_reads_the_time() {
    only(&["src/clock.rs"], &["SystemTime::now"]);
    // Without a product around it, a cache takes the machine's clock unless it is given another.
    let by_default = ["layers/src/cache/rules.rs", "layers/src/memory/"];
    for source in sources("layers/src") {
        let reads = source.code.contains("SystemTime::now");
        assert!(!reads || source.is_in(&by_default), "{}", source.path);
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    only(
        &["src/config/load.rs"],
        &["env::var", "env::vars", "env::{", "var_os(", "Env::"],
    );
}

#[test]
fn only_one_table_names_metrics() {
    let naming = [
        "counter!(",
        "gauge!(",
        "histogram!(",
        "describe_counter!(",
        "describe_gauge!(",
    ];
    only(&["src/telemetry/metrics.rs"], &naming);
}

#[test]
fn layers_know_nothing_of_the_product() {
    for source in sources("layers/src") {
        let words = [
            "artifact_cache::",
            "serde",
            "tracing::",
            "metrics::",
            "hyper::",
        ];
        let word = words.iter().find(|word| source.code.contains(**word));
        assert_eq!(word, None, "{}", source.path);
    }
}

#[test]
fn the_reading_of_imports_sees_each_form() {
    let code =
        "use crate::{\n    blob::{read, Partial},\n    catalog,\n};\nfn f() { crate::store::g() }";
    let used = used_modules(code);
    let expected = ["blob", "catalog", "store"].map(str::to_owned);
    assert_eq!(used, BTreeSet::from(expected));
}
