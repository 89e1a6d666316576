//! `Cargo.lock`: packages of a registry, with the digests of their archives.

use super::manifest::{Manifest, Unreadable, artifact, at, base, lines};

const INDEX: &str = "index, the URL that crates are downloaded below, or a mirror named `crates`";

#[derive(Default)]
struct Package<'t> {
    line: usize,
    name: &'t str,
    version: &'t str,
    source: &'t str,
    checksum: Option<&'t str>,
}

/// The archive of every package that comes from a registry: `<index>/<name>/<version>/download`, or where the
/// markers `{crate}` and `{version}` of the index say.
pub(super) fn lock(text: &str, index: Option<&str>) -> Result<Manifest, Unreadable> {
    let mut manifest = Manifest::default();
    for package in packages(text) {
        if package.source.is_empty() {
            continue;
        }
        if !package.source.starts_with("registry+") && !package.source.starts_with("sparse+") {
            manifest.skip(
                package.name,
                "it is no download: it comes from a repository",
            );
            continue;
        }
        if package.name.is_empty() || package.version.is_empty() {
            return Err(at(package.line, "a package without a name or a version"));
        }
        let url = url(&package, index)?;
        manifest
            .items
            .push(artifact(package.line, &url, package.checksum)?);
    }
    Ok(manifest)
}

fn url(package: &Package<'_>, index: Option<&str>) -> Result<String, Unreadable> {
    let (name, version) = (package.name, package.version);
    match index.filter(|index| index.contains("{crate}")) {
        Some(template) => {
            let named = template.replace("{crate}", name);
            Ok(named.replace("{version}", version))
        }
        None => Ok(format!("{}{name}/{version}/download", base(index, INDEX)?)),
    }
}

/// The tables `[[package]]`. What the program writes has a value per line, and none that needs escapes.
fn packages(text: &str) -> Vec<Package<'_>> {
    let mut found: Vec<Package<'_>> = Vec::new();
    let mut is_package = false;
    for (line, entry) in lines(text) {
        if entry.starts_with('[') {
            is_package = entry == "[[package]]";
            if is_package {
                let package = Package {
                    line,
                    ..Package::default()
                };
                found.push(package);
            }
        } else if let Some(package) = found.last_mut().filter(|_| is_package)
            && let Some((key, value)) = entry.split_once('=')
        {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "name" => package.name = value,
                "version" => package.version = value,
                "source" => package.source = value,
                "checksum" => package.checksum = Some(value),
                _ => {}
            }
        }
    }
    found
}
