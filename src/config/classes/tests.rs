//! Which URL falls under which rule.

use super::*;

const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn class(classes: &Classes, url: &str) -> Class {
    let classifier = classes.classifier().unwrap();
    classifier
        .find(&url.replace("HEX", SHA256).parse().unwrap())
        .0
}

fn of(rules: &[&str]) -> Classes {
    Classes {
        rules: rules.iter().map(ToString::to_string).collect(),
        ..Classes::default()
    }
}

const IMMUTABLE: &[&str] = &[
    "/debian/pool/main/a/a_1%2b2_amd64.deb",
    "/debian/dists/stable/main/by-hash/SHA256/HEX",
    "/packages/aa/bb/HEX/a-1.tar.gz",
    "/x/a-1-py3-none-any.whl",
    "/a/-/a-1.0.0.tgz",
    "/@s%2fb/-/b-1.tgz",
    "/crates/a/a-1.0.0.crate",
    "/api/v1/crates/a/1.0.0/download",
    "/example.com/a/@v/v1.2.3.zip",
    "/maven2/a/b/1.0/b-1.0.jar",
    "/maven2/a/b/1.0/b-1.0.jar.sha1",
    "/v2/library/a/blobs/sha256:HEX",
    "/v2/a/manifests/sha256:HEX",
    "/org/model/resolve/HEX/model.safetensors",
    "/conda-forge/noarch/a-1-0.conda",
    "/conda-forge/linux-64/a-1-0.tar.bz2",
    "/gems/a-1.gem",
    "/v3-flatcontainer/a/1.0.0/a.1.0.0.nupkg",
    "/alpine/v3/main/x86_64/a-1-r0.apk",
    "/fedora/Packages/a-1.rpm",
    "/fedora/repodata/HEX-primary.xml.zst",
    "/core/os/x86_64/a-1-1.pkg.tar.zst",
    "/nar/HEX.nar.xz",
    "/HEX.narinfo",
];

const INDEX: &[&str] = &[
    "/debian/dists/stable/InRelease",
    "/debian/dists/stable/main/binary-amd64/Packages.xz",
    "/simple/a/",
    "/example.com/a/@v/list",
    "/example.com/a/@latest",
    "/maven2/a/b/maven-metadata.xml.sha1",
    "/maven2/a/b/1-SNAPSHOT/b-1-SNAPSHOT.jar",
    "/v2/library/a/manifests/latest",
    "/v2/library/a/tags/list",
    "/org/model/resolve/main/model.safetensors",
    "/conda-forge/noarch/repodata.json.zst",
    "/versions",
    "/fedora/repodata/repomd.xml",
    "/charts/index.yaml",
];

const DEFAULT: &[&str] = &[
    "/",
    "/a",
    "/example.com/a/@v/master.info",
    "/releases/download/v1/a.tar.gz",
    "/jar",
    "/a.debug",
];

#[test]
fn shipped_rules_know_the_ecosystems_by_path() {
    for (class_name, paths) in [
        (Class::Immutable, IMMUTABLE),
        (Class::Index, INDEX),
        (Class::Default, DEFAULT),
    ] {
        for path in paths {
            let found = class(&Classes::default(), &format!("https://host.example{path}"));
            assert_eq!(found, class_name, "{path}");
        }
    }
}

#[test]
fn rules_of_the_configuration_come_first_and_the_first_of_them_wins() {
    let classes = of(&[
        "bypass *.example.com/**",
        "index /**.deb",
        "immutable www.example.org/a/*",
    ]);
    for (url, expected) in [
        ("http://a.example.com/x.deb", Class::Bypass),
        ("http://example.com/x.deb", Class::Index),
        ("http://www.example.org/a/b", Class::Immutable),
        ("http://www.example.org/a/b/c", Class::Default),
        ("http://xwww.example.org/a/b", Class::Default),
        ("http://other.example/www.example.org/a/b", Class::Default),
        ("http://host.example/x.rpm?q=/x.deb", Class::Immutable),
    ] {
        assert_eq!(class(&classes, url), expected, "{url}");
    }
    let unshipped = Classes {
        shipped: false,
        ..Classes::default()
    };
    assert_eq!(
        class(&unshipped, "http://host.example/x.rpm"),
        Class::Default
    );
}

#[test]
fn what_is_no_rule_is_refused() {
    for rule in [
        "",
        "immutable",
        "/a",
        "forever /a",
        "immutable a b/",
        "immutable nopath",
    ] {
        assert!(of(&[rule]).classifier().is_err(), "{rule}");
    }
}
