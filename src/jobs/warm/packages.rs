//! `package-lock.json`: every package says where it is.

use serde_json::Value;

use super::manifest::{Manifest, Unreadable, artifact};

/// Every `resolved` URL, of versions 1 to 3 of the form. An `integrity` of another kind than SHA-256 cannot be
/// asked for; whoever uses the file checks it.
pub(super) fn lock(text: &str) -> Result<Manifest, Unreadable> {
    let lock: Value =
        serde_json::from_str(text).map_err(|error| Unreadable::Document(error.to_string()))?;
    let mut manifest = Manifest::default();
    match (lock["packages"].as_object(), &lock["dependencies"]) {
        (Some(packages), _) => {
            for (name, package) in packages {
                add(name, package, &mut manifest)?;
            }
        }
        (None, dependencies) => nested(dependencies, &mut manifest, 0)?,
    }
    Ok(manifest)
}

/// Version 1 of the form nests what only one package needs.
fn nested(dependencies: &Value, manifest: &mut Manifest, depth: usize) -> Result<(), Unreadable> {
    // `serde_json` reads no document that is nested deeper than this.
    if depth > 128 {
        return Ok(());
    }
    for (name, package) in dependencies.as_object().into_iter().flatten() {
        add(name, package, manifest)?;
        nested(&package["dependencies"], manifest, depth + 1)?;
    }
    Ok(())
}

fn add(name: &str, package: &Value, manifest: &mut Manifest) -> Result<(), Unreadable> {
    let is_link = package["link"] == true;
    let Some(url) = package["resolved"].as_str().filter(|_| !is_link) else {
        return Ok(());
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        manifest.skip(
            name,
            "it is no download: it comes from a repository or a path",
        );
        return Ok(());
    }
    let url = url.split('#').next().unwrap_or(url);
    manifest
        .items
        .push(artifact(manifest.items.len() + 1, url, None)?);
    Ok(())
}
