//! `go.sum`: modules, which a proxy of modules has as files.

use std::fmt::Write as _;

use super::manifest::{Manifest, Unreadable, artifact, at, base, lines};

const INDEX: &str = "index, the URL of a proxy of Go modules, or a mirror named `go`";

/// The archive or the `go.mod` of every line. Their `h1:` is of what is packed in them, not of their bytes:
/// whoever uses them checks that.
pub(super) fn sums(text: &str, index: Option<&str>) -> Result<Manifest, Unreadable> {
    let proxy = base(index, INDEX)?;
    let mut manifest = Manifest::default();
    for (line, entry) in lines(text) {
        let words: Vec<&str> = entry.split_whitespace().collect();
        let [module, version, hash] = words[..] else {
            return Err(at(line, "a module, a version and a hash are expected"));
        };
        if !hash.starts_with("h1:") {
            return Err(at(line, "the hash is none of a module"));
        }
        let (version, extension) = match version.strip_suffix("/go.mod") {
            Some(version) => (version, "mod"),
            None => (version, "zip"),
        };
        let (module, version) = (escaped(module), escaped(version));
        let url = format!("{proxy}{module}/@v/{version}.{extension}");
        manifest.items.push(artifact(line, &url, None)?);
    }
    Ok(manifest)
}

/// Capital letters as proxies of modules want them: `!` and the small one.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut escaped, c| {
        let mark = if c.is_ascii_uppercase() { "!" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(escaped, "{mark}{}", c.to_ascii_lowercase());
        escaped
    })
}
