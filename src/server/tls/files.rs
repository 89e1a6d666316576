//! The files of certificates and keys: which belong together in a directory, and whether they changed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::InvalidTls;
use crate::config::tls::Tls as Settings;

/// File names of a certificate and its key in a directory of their own, as Kubernetes and ACME clients
/// write them.
const NAMED_PAIRS: [(&str, &str); 2] = [("tls.crt", "tls.key"), ("fullchain.pem", "privkey.pem")];
/// Marks a private key in PEM.
const KEY_MARK: &str = "PRIVATE KEY-----";

/// The pairs of certificate and key in `directory` and the directories right inside it, by name.
pub(super) fn pairs(directory: &Path) -> Result<Vec<(PathBuf, PathBuf)>, InvalidTls> {
    let unreadable = |source| InvalidTls::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for path in entries(directory).map_err(unreadable)? {
        if path.is_dir() {
            found.extend(named_pair(&path));
        } else {
            found.extend(pair(&path));
        }
    }
    Ok(found)
}

/// What is in a directory, sorted, without hidden names.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn named_pair(directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let pairs = NAMED_PAIRS.iter();
    let mut pairs =
        pairs.map(|(certificate, key)| (directory.join(certificate), directory.join(key)));
    pairs.find(|(certificate, key)| certificate.is_file() && key.is_file())
}

/// The file with its key, when it is a certificate that has one.
fn pair(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let extension = path.extension()?.to_str()?;
    if !matches!(extension, "pem" | "crt" | "cer") {
        return None;
    }
    let by_name = NAMED_PAIRS.iter().find(|(name, _)| path.ends_with(name));
    let key = by_name.map_or_else(
        || path.with_extension("key"),
        |(_, key)| path.with_file_name(key),
    );
    if key.is_file() {
        return Some((path.to_owned(), key));
    }
    let has_key = fs::read_to_string(path).is_ok_and(|text| text.contains(KEY_MARK));
    has_key.then(|| (path.to_owned(), path.to_owned()))
}

/// What the files looked like: path, inode, length and time of change of each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, u64, u64, i64, i64)>);

impl Stamp {
    pub(super) fn of(settings: &Settings) -> Self {
        let single = [&settings.certificate, &settings.key, &settings.client_ca];
        let mut paths: Vec<PathBuf> = single.into_iter().flatten().cloned().collect();
        for path in settings
            .directory
            .iter()
            .flat_map(|path| entries(path).unwrap_or_default())
        {
            let inside = entries(&path).unwrap_or_default();
            paths.push(path);
            paths.extend(inside);
        }
        Self(paths.into_iter().filter_map(look).collect())
    }
}

/// Links are followed: a mounted secret is replaced by turning a link.
fn look(path: PathBuf) -> Option<(PathBuf, u64, u64, i64, i64)> {
    let found = fs::metadata(&path).ok()?;
    Some((
        path,
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_paired_with_their_keys() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::create_dir(at(".hidden")).unwrap();
        for name in [
            "a.crt",
            "a.key",
            "chain.pem",
            "note.txt",
            "sub/fullchain.pem",
            "sub/privkey.pem",
            ".hidden/tls.crt",
            ".hidden/tls.key",
        ] {
            fs::write(at(name), "x").unwrap();
        }
        fs::write(at("both.pem"), "-----BEGIN PRIVATE KEY-----").unwrap();
        let expected = [
            ("a.crt", "a.key"),
            ("both.pem", "both.pem"),
            ("sub/fullchain.pem", "sub/privkey.pem"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(one, other)| (at(one), at(other)))
            .collect();
        assert_eq!(pairs(directory.path()).unwrap(), expected);
    }

    #[test]
    fn a_replaced_file_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings {
            directory: Some(directory.path().to_owned()),
            ..Settings::default()
        };
        let before = Stamp::of(&settings);
        fs::write(directory.path().join("a.pem"), "1").unwrap();
        let first = Stamp::of(&settings);
        assert_ne!(before, first);
        fs::write(directory.path().join("b.pem"), "2").unwrap();
        fs::rename(
            directory.path().join("b.pem"),
            directory.path().join("a.pem"),
        )
        .unwrap();
        assert_ne!(first, Stamp::of(&settings));
    }
}
