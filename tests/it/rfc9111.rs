//! `docs/RFC9111.md`, `docs/REGISTRY.md`, `docs/FILES.md` and `tests/README.md` name tests of this directory as
//! `it::module::test`: each of them is there, and no section of the RFC with requirements for a shared cache
//! is left out.

use std::{fs, path::Path};

/// Sections of RFC 9111 that require something of a shared cache.
const SECTIONS: [&str; 27] = [
    "1.2.2", "2", "3", "3.1", "3.2", "3.3", "3.4", "3.5", "4", "4.1", "4.2", "4.2.1", "4.2.2",
    "4.2.3", "4.2.4", "4.3.1", "4.3.2", "4.3.3", "4.3.4", "4.3.5", "4.4", "5.1", "5.2", "5.3",
    "5.4", "7.1", "7.3",
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether `name`, as in `module::test`, is a function with a test attribute.
fn is_test(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap();
    let source = read(&format!("tests/it/{}.rs", module.replace("::", "/")));
    let Some((before, _)) = source.split_once(&format!("fn {function}(")) else {
        return false;
    };
    let lines = before.strip_suffix("async ").unwrap_or(before).lines();
    let mut attributes = lines.rev().take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.contains("test"))
}

#[test]
fn every_test_that_the_documents_name_is_one() {
    for (document, least) in [
        ("docs/RFC9111.md", 60),
        ("docs/REGISTRY.md", 45),
        ("tests/README.md", 15),
        ("docs/FILES.md", 90),
    ] {
        let text = read(document);
        let words = text.split('`').skip(1).step_by(2);
        let named: Vec<_> = words.filter_map(|word| word.strip_prefix("it::")).collect();
        assert!(named.len() >= least, "{document} is read: {}", named.len());
        for name in named {
            assert!(is_test(name), "{document}: no test {name}");
        }
    }
}

#[test]
fn no_section_with_requirements_is_left_out() {
    let table = read("docs/RFC9111.md");
    for section in SECTIONS {
        let row = format!("\n| {section} | ");
        assert!(table.contains(&row), "no row for \u{a7} {section}");
    }
    assert!(is_test("rfc9111::no_section_with_requirements_is_left_out"));
    assert!(!is_test("rfc9111::read") && !is_test("rfc9111::nothing"));
}
