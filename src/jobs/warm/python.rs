//! `requirements.txt` with hashes: projects of an index, whose pages link to files and their digests.

use std::collections::BTreeMap;

use artifact_cache_layers::{body::BoxError, digest::Sha256, semantics::target_uri::TargetUri};
use url::Url;

use super::{
    Item,
    manifest::{Manifest, Unreadable, artifact, at, base, lines},
};
use crate::jobs::internal::Internal;

const INDEX: &str = "index, the URL of a simple index, or a mirror named `pypi`";
/// Largest page of an index, in bytes.
const MAX_PAGE: usize = 64 << 20;

/// The files of every requirement.
pub(super) fn requirements(text: &str, index: Option<&str>) -> Result<Manifest, Unreadable> {
    let (mut manifest, mut own_index) = (Manifest::default(), None::<String>);
    for (line, entry) in joined(text) {
        let (requirement, hashes) = split(line, &entry)?;
        if let Some(options) = requirement.strip_prefix('-') {
            let named = options.trim_start_matches('-').strip_prefix("index-url");
            let named = named.map(|url| url.trim_start_matches([' ', '=']).to_owned());
            own_index = named.or(own_index);
        } else if let Some((_, url)) = requirement.split_once(" @ ") {
            let digest = hashes.first().map(ToString::to_string);
            let url = url.split_whitespace().next().unwrap_or_default();
            manifest.items.push(artifact(line, url, digest.as_deref())?);
        } else if hashes.is_empty() {
            manifest.skip(&requirement, "it has no hash that says which file is meant");
        } else {
            let index = base(index.or(own_index.as_deref()), INDEX)?;
            let page = format!("{index}{}/", normalised(&requirement));
            let page = page.parse::<TargetUri>();
            let page = page.map_err(|_| at(line, "no name of a project"))?;
            manifest.items.push(Item::Python(page, hashes));
        }
    }
    Ok(manifest)
}

/// Lines that end in a backslash go on in the next one.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in lines(text) {
        // A comment begins at the line or behind a space.
        let line = line.split(" #").next().unwrap_or(line).trim();
        let part = line.strip_suffix('\\').unwrap_or(line).trim();
        match found.last_mut().filter(|_| goes_on) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(part);
            }
            None => found.push((number, part.to_owned())),
        }
        goes_on = line.ends_with('\\');
    }
    found
}

/// A requirement, and the digests that its files may have.
fn split(line: usize, entry: &str) -> Result<(String, Vec<Sha256>), Unreadable> {
    let mut parts = entry.split("--hash");
    let requirement = parts.next().unwrap_or_default().trim().to_owned();
    let mut hashes = Vec::new();
    for part in parts {
        let hash = part.trim_start_matches([' ', '=']).trim();
        if let Some(hex) = hash.strip_prefix("sha256:") {
            let digest = hex.parse().map_err(|_| at(line, "no SHA-256 in hex"))?;
            hashes.push(digest);
        }
    }
    Ok((requirement, hashes))
}

/// The name of a project as indexes write it: small letters, runs of `-`, `_` and `.` as one `-`.
fn normalised(requirement: &str) -> String {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = requirement.find(|c| !is_of_name(c));
    let name = requirement[..end.unwrap_or(requirement.len())].to_ascii_lowercase();
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Files with their digests, and the digests that no file has.
type Found = (Vec<(TargetUri, Sha256)>, Vec<Sha256>);

/// The files of a page that have these digests.
pub(super) async fn files(
    cache: &Internal,
    page: &TargetUri,
    digests: Vec<Sha256>,
) -> Result<Found, BoxError> {
    let text = cache.read(page, MAX_PAGE).await?;
    let links = links(&String::from_utf8_lossy(&text), page.as_str());
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for digest in digests {
        match links.get(&digest.to_string()) {
            Some(uri) => files.push((uri.clone(), digest)),
            None => missing.push(digest),
        }
    }
    Ok((files, missing))
}

/// The links of a page that name the SHA-256 of what they lead to, by that.
fn links(page: &str, base: &str) -> BTreeMap<String, TargetUri> {
    let mut found = BTreeMap::new();
    let Ok(base) = Url::parse(base) else {
        return found;
    };
    for rest in page.split("href=").skip(1) {
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let Some(link) = rest[1..].split(quote).next() else {
            continue;
        };
        let link = link.replace("&amp;", "&");
        let Some((url, digest)) = link.split_once("#sha256=") else {
            continue;
        };
        let uri = base.join(url).ok().map(|url| url.to_string());
        if let Some(uri) = uri.and_then(|uri| uri.parse::<TargetUri>().ok()) {
            found.entry(digest.to_ascii_lowercase()).or_insert(uri);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_with_a_digest_are_found_relative_to_their_page() {
        let digest = Sha256::of(b"x");
        let page = format!(
            "<a href=\"../../files/a-1.whl#sha256={digest}\">a</a> <a href='b.tar.gz'>b</a>\
             <a href=\"https://files.example.com/c?a=1&amp;b=2#sha256=00\">"
        );
        let found = links(&page, "https://index.example.com/simple/a/");
        let url = |key: &str| found.get(key).map(|uri| uri.as_str().to_owned());
        let expected = "https://index.example.com/files/a-1.whl";
        assert_eq!(url(&digest.to_string()).as_deref(), Some(expected));
        let other = "https://files.example.com/c?a=1&b=2";
        assert_eq!(url("00").as_deref(), Some(other));
        assert_eq!(found.len(), 2);
    }
}
