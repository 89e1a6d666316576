//! What is on disk after a kill.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::cache::{Cache, program};

/// Runs `verify` or `fsck` on the data of a cache that does not run; its exit code and its JSON.
fn check(cache: &Cache, arguments: &[&str]) -> (i32, Value) {
    let mut command = program();
    command.args(arguments).arg("--json").arg("--data");
    let output = command.arg(cache.data()).output().expect("it runs");
    let found = serde_json::from_slice(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    let found = found.unwrap_or_else(|_| panic!("{arguments:?}: {error}"));
    (output.status.code().expect("it ends"), found)
}

/// Everything in the catalog is on disk. What a kill cut off may lie there too: a temporary file, and a
/// blob that the catalog was not told of yet.
pub(super) fn agrees_but_for_what_was_cut_off(cache: &Cache) {
    let (_, found) = check(cache, &["fsck", "--rehash"]);
    for fault in [
        "missing_blobs",
        "wrong_sizes",
        "wrong_digests",
        "contradictions",
        "foreign_files",
    ] {
        assert_eq!(found[fault], 0, "{found}");
    }
}

/// After a start only downloads that can be continued are left; how many.
pub(super) fn only_resumable_files_are_left(cache: &Cache) -> usize {
    let names = names(&cache.data().join("tmp"));
    let identities = names.iter().filter_map(|name| name.strip_suffix(".json"));
    for name in &names {
        let stem = name.strip_suffix(".part").or(name.strip_suffix(".json"));
        let stem = stem.unwrap_or_else(|| panic!("a leftover: {name}"));
        let pair = [format!("{stem}.part"), format!("{stem}.json")];
        assert!(pair.iter().all(|half| names.contains(half)), "{names:?}");
    }
    identities.count()
}

/// What a kill cut off can be mended, and then nothing is wrong.
pub(super) fn is_sound_once_repaired(cache: &Cache) {
    let (code, found) = check(cache, &["fsck", "--repair"]);
    assert_eq!(code, 0, "{found}");
    let (code, found) = check(cache, &["fsck", "--rehash"]);
    assert_eq!(code, 0, "{found}");
    let (code, found) = check(cache, &["verify", "--all"]);
    assert_eq!(code, 0, "{found}");
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
