//! Runs the cases of `fixtures/rfc9111/*.toml` through `semantics`, and checks that every test named in
//! `docs/RFC9111.md` exists. `fixtures/rfc9111/README.md` says how a case is written.
#![cfg(feature = "semantics")]
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read is a failed test"
)]

mod case;
mod run;

use std::fs;

use case::{Case, Expect, root, sections};
use run::mismatches;

#[test]
fn every_fixture_decides_as_the_rfc_says() {
    let mut wrong = Vec::new();
    for (file, section) in sections() {
        for case in &section.case {
            for mismatch in mismatches(case) {
                wrong.push(format!(
                    "{file}#{} (§{}): {mismatch}",
                    case.id, section.section
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong decisions:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_case_has_its_own_name_and_expects_something() {
    for (file, section) in sections() {
        let mut ids: Vec<_> = section.case.iter().map(|case| case.id.as_str()).collect();
        ids.sort_unstable();
        assert!(
            ids.windows(2).all(|pair| pair[0] != pair[1]) && !ids.contains(&""),
            "{file}: {ids:?}"
        );
        for case in &section.case {
            assert_ne!(
                case.expect,
                Expect::default(),
                "{file}#{} expects nothing",
                case.id
            );
            assert!(
                case.suite.iter().all(|id| !id.contains(' ')),
                "{file}#{}",
                case.id
            );
        }
    }
}

/// A row of the table names fixtures as `file.toml#id` and unit tests as `module::function`. Those of the
/// program, `it::module::function`, are checked beside them.
#[test]
fn every_test_that_the_table_of_requirements_names_exists() {
    let table = fs::read_to_string(root().join("docs/RFC9111.md")).unwrap();
    let known: Vec<String> = sections()
        .flat_map(|(file, section)| {
            let name = move |case: Case| format!("{file}#{}", case.id);
            section.case.into_iter().map(name)
        })
        .collect();
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert!(named.len() > 100, "the table is read");
    for name in named {
        if name.contains(".toml#") {
            assert!(known.iter().any(|id| id == name), "no fixture {name}");
        } else if let Some((module, function)) = name.split_once("::")
            && module != "it"
        {
            assert!(has_test(module, function), "no test {name}");
        }
    }
    for id in known {
        assert!(
            table.contains(&format!("`{id}`")),
            "{id} shows no requirement of the table"
        );
    }
}

fn has_test(module: &str, function: &str) -> bool {
    let directory = root().join("layers/src/semantics");
    [format!("{module}.rs"), format!("{module}_tests.rs")]
        .iter()
        .any(|file| {
            fs::read_to_string(directory.join(file))
                .is_ok_and(|source| source.contains(&format!("fn {function}(")))
        })
}
