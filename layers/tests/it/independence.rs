//! Layers know nothing of each other, and nothing of the product: read from the sources.

use std::{fs, path::Path};

const LAYERS: [&str; 12] = [
    "cache", "collapse", "egress", "hop", "limit", "recall", "record", "rescue", "sigv4", "target",
    "tee", "validate",
];

/// Every Rust file under `folder`: its path and what it says apart from comments.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), code(&text)));
        }
    }
    found
}

fn code(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `code` uses `crate::<module>`, alone or in a group of imports.
fn uses(code: &str, module: &str) -> bool {
    let flat: String = code.split_whitespace().collect();
    let direct = [';', ':', '{', ',', ')', '}'].iter();
    let direct = direct.map(|end| format!("crate::{module}{end}"));
    if direct.into_iter().any(|path| flat.contains(&path)) {
        return true;
    }
    let groups = flat.split("crate::{").skip(1);
    groups
        .into_iter()
        .any(|rest| first_names(rest).contains(&module))
}

/// The first segment of each path in a group of imports, up to the brace that closes it.
fn first_names(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (0_usize, 0, Vec::new());
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                names.extend(group[start..at].split([':', '{']).next());
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

#[test]
fn no_layer_imports_another() {
    for layer in LAYERS {
        for (path, code) in sources(&folder(layer)) {
            for other in LAYERS.iter().filter(|other| **other != layer) {
                assert!(!uses(&code, other), "{path} uses the layer `{other}`");
            }
        }
    }
}

#[test]
fn the_rules_and_what_layers_share_know_no_layer() {
    let shared = sources(&folder("")).into_iter().filter(|(path, _)| {
        let rest = path.split_once("src/").map_or("", |(_, rest)| rest);
        // `memory` implements the traits of several layers, as a product's store does.
        rest != "lib.rs"
            && !rest.starts_with("memory/")
            && !LAYERS
                .iter()
                .any(|layer| rest.starts_with(&format!("{layer}/")))
    });
    for (path, code) in shared {
        for layer in LAYERS {
            assert!(!uses(&code, layer), "{path} uses the layer `{layer}`");
        }
    }
}

#[test]
fn no_layer_knows_the_product() {
    for (path, code) in sources(&folder("")) {
        assert!(!code.contains("artifact_cache::"), "{path}");
    }
}

#[test]
fn each_layer_has_a_feature_of_its_name_that_pulls_in_no_other_layer() {
    let manifest = fs::read_to_string(folder("../Cargo.toml")).unwrap();
    for layer in LAYERS {
        let line = manifest
            .lines()
            .find(|line| line.starts_with(&format!("{layer} = [")));
        let line = line.unwrap_or_else(|| panic!("no feature `{layer}`"));
        for other in LAYERS.iter().filter(|other| **other != layer) {
            assert!(
                !line.contains(&format!("\"{other}\"")),
                "`{layer}` needs `{other}`"
            );
        }
    }
}

#[test]
fn the_check_sees_each_form_of_an_import() {
    for code in [
        "use crate::tee::Sink;",
        "use crate::tee;",
        "use crate::{body::Body, tee::{Sink, Admit}};",
        "use crate::{body::{Body, BoxError}, tee};",
        "fn f() { crate::tee::g() }",
    ] {
        assert!(uses(code, "tee"), "{code}");
    }
    for code in [
        "use crate::body::tee;",
        "use crate::{body::{tee, Body}, cause};",
        "use crate::teepot::Sink;",
        "use super::tee::Sink;",
    ] {
        assert!(!uses(code, "tee"), "{code}");
    }
}
