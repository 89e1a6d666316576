//! Each form as its tool writes it, and what is none.

use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn read(text: &str, base_url: Option<&str>, index: Option<&str>) -> Result<Manifest, Unreadable> {
    let options = Options {
        format: Format::Auto,
        base_url: base_url.map(str::to_owned),
        index: None,
        mirrors: ["pypi", "crates", "go"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), index?.to_owned())))
            .collect(),
    };
    Manifest::parse(text, &options)
}

/// The items as texts: the URL, and `!` where a digest is asked for.
fn urls_of(manifest: &Manifest) -> Vec<String> {
    let items = manifest.items.iter();
    items
        .map(|item| match item {
            Item::Url(uri, None) => uri.as_str().to_owned(),
            Item::Url(uri, Some(_)) => format!("{}!", uri.as_str()),
            Item::Python(page, digests) => format!("{} {}", page.as_str(), digests.len()),
        })
        .collect()
}

#[track_caller]
fn assert_reads(text: &str, index: Option<&str>, expected: &[&str]) {
    let manifest = read(text, index, index).expect("a manifest");
    assert_eq!(urls_of(&manifest), expected, "{text}");
}

#[test]
fn lists_of_urls_are_read_in_every_form() {
    let expected = ["https://example.com/a!", "https://example.com/b"];
    for text in [
        format!(
            "# comment\n\nhttps://example.com/a {A}\nhttps://example.com/b\nhttps://example.com/b\n"
        ),
        format!("https://example.com/a#sha256={A}\r\nhttps://example.com/b\r\n"),
        format!("[\"https://example.com/a#sha256={A}\", {{\"url\": \"https://example.com/b\"}}]"),
        format!(
            "{{\"artifacts\": [{{\"url\": \"https://example.com/a\", \"sha256\": \"{A}\"}}, \"https://example.com/b\"]}}"
        ),
        format!("- url: https://example.com/a\n  sha256: sha256:{A}\n- https://example.com/b\n"),
        format!(
            "artifacts:\n- url: https://example.com/a\n  sha256: {A}\n- https://example.com/b\n"
        ),
    ] {
        assert_reads(&text, None, &expected);
    }
}

#[test]
fn sums_are_relative_to_a_base_url() {
    let text = format!("{A}  one.iso\n{A} *./two words.iso\n");
    let expected = [
        "https://example.com/r/one.iso!",
        "https://example.com/r/two%20words.iso!",
    ];
    assert_reads(&text, Some("https://example.com/r"), &expected);
    assert!(matches!(read(&text, None, None), Err(Unreadable::Needs(_))));
}

#[test]
fn requirements_name_the_pages_of_an_index() {
    let text = format!(
        "--index-url https://index.example.com/simple/\n\
         Some.Package_x[extra]==1.0 ; python_version > '3' \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{A}\n\
         direct @ https://example.com/d.whl --hash=sha256:{A}\nnone==2\n"
    );
    let expected = [
        "https://index.example.com/simple/some-package-x/ 2",
        "https://example.com/d.whl!",
    ];
    assert_reads(&text, None, &expected);
    let other = Some("https://mirror.example.com/simple");
    let manifest = read(&text, None, other).expect("a manifest");
    assert!(urls_of(&manifest)[0].starts_with("https://mirror.example.com/simple/some"));
    assert_eq!(manifest.skipped[0].0, "none==2");
}

#[test]
fn lock_files_of_packages_have_their_urls() {
    let package = |name: &str| {
        format!("{{\"resolved\": \"https://example.com/{name}.tgz\", \"integrity\": \"sha512-x\"}}")
    };
    let (a, b) = (package("a"), package("b"));
    let third = format!(
        "{{\"lockfileVersion\": 3, \"packages\": {{\"\": {{}}, \"node_modules/a\": {a}, \"node_modules/b\": {b}, \"l\": {{\"resolved\": \"x\", \"link\": true}}, \"g\": {{\"resolved\": \"git+ssh://example.com/g.git\"}}}}}}"
    );
    let first = format!(
        "{{\"lockfileVersion\": 1, \"dependencies\": {{\"a\": {{\"resolved\": \"https://example.com/a.tgz\", \"dependencies\": {{\"b\": {b}}}}}}}}}"
    );
    let expected = ["https://example.com/a.tgz", "https://example.com/b.tgz"];
    assert_reads(&third, None, &expected);
    assert_reads(&first, None, &expected);
    assert_eq!(read(&third, None, None).expect("read").skipped.len(), 1);
}

#[test]
fn lock_files_of_crates_and_modules_need_an_index() {
    let crates = format!(
        "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n\
         source = \"registry+https://example.com/index\"\nchecksum = \"{A}\"\ndependencies = [\n \"x\",\n]\n\n\
         [[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://example.com/g\"\n"
    );
    let index = Some("https://crates.example.com/dl/");
    assert_reads(
        &crates,
        index,
        &["https://crates.example.com/dl/serde/1.0.1/download!"],
    );
    let template = Some("https://crates.example.com/{crate}/{crate}-{version}.crate");
    assert_reads(
        &crates,
        template,
        &["https://crates.example.com/serde/serde-1.0.1.crate!"],
    );
    let modules = "example.com/Big/mod v1.2.0 h1:abc=\nexample.com/Big/mod v1.2.0/go.mod h1:def=\n";
    let expected = [
        "https://go.example.com/example.com/!big/mod/@v/v1.2.0.zip",
        "https://go.example.com/example.com/!big/mod/@v/v1.2.0.mod",
    ];
    assert_reads(modules, Some("https://go.example.com"), &expected);
    for text in [crates.as_str(), modules] {
        assert!(matches!(read(text, None, None), Err(Unreadable::Needs(_))));
    }
}

#[test]
fn what_is_no_manifest_says_where() {
    for (text, line) in [
        ("https://example.com/a\nnot a url at all\n", 2),
        ("https://example.com/a zz\n", 1),
        ("https://example.com/a\nftp://example.com/b\n", 2),
        ("[\"https://example.com/a\", \"/b\"]", 2),
    ] {
        let found = read(text, None, None).expect_err("none");
        assert!(
            matches!(found, Unreadable::Line { line: at, .. } if at == line),
            "{found}"
        );
    }
    for text in ["{\"a\": 1}", "[1, 2]", "[", "- {x: 1}"] {
        let found = read(text, None, None);
        assert!(
            matches!(found, Err(Unreadable::Document(_))),
            "{text}: {found:?}"
        );
    }
    assert_eq!(read("", None, None), Ok(Manifest::default()));
}
