//! Paths of this machine. Where a path leads once links are resolved is judged first; whether anything
//! is there is said only inside the allowed directories.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use artifact_cache_layers::digest::{Hasher, Sha256};

use super::{Resolved, Settings, Wanted, refused};
use crate::error::Error;

/// Links followed at most, as the kernel does.
const MAX_LINKS: usize = 40;
/// Bytes hashed at once.
const PIECE: usize = 1 << 20;

/// Resolves a path. Blocks.
pub(super) fn resolve(
    path: &Path,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<Resolved, Error> {
    if !settings.allow_local_paths {
        let message = "Local paths are disabled (set ARTIFACT_ALLOW_LOCAL_PATHS=1)";
        return Err(refused(message));
    }
    let shown = path.display();
    let not_allowed = || refused(format!("Path not allowed: {shown}"));
    let resolved = where_it_leads(path).map_err(|_| not_allowed())?;
    if !is_allowed(&resolved, settings) {
        return Err(not_allowed());
    }
    let size_bytes = size(&resolved, &shown)?;
    if wanted.size_bytes.is_some_and(|wanted| wanted != size_bytes) {
        return Err(refused("Size mismatch for local file"));
    }
    let digest = verified(&resolved, size_bytes, wanted, settings)?;
    Ok(Resolved {
        artifact_uri: wanted.artifact_uri.clone(),
        local_path: resolved,
        sha256: digest.to_string(),
        size_bytes,
        cached: true,
    })
}

/// Without prefixes the working directory is the one that is allowed.
fn is_allowed(resolved: &Path, settings: &Settings) -> bool {
    let here = [PathBuf::from(".")];
    let prefixes = match &*settings.allowed_prefixes {
        [] => &here[..],
        prefixes => prefixes,
    };
    let mut prefixes = prefixes
        .iter()
        .filter_map(|prefix| fs::canonicalize(prefix).ok());
    prefixes.any(|prefix| resolved.starts_with(prefix))
}

fn size(resolved: &Path, shown: &std::path::Display<'_>) -> Result<u64, Error> {
    // Links are resolved; one that appears only now is not followed.
    match fs::symlink_metadata(resolved) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(refused("Not a regular file")),
        Err(_) => {
            let message = format!("File not found: {shown}");
            Err(Error::Absent { message })
        }
    }
}

fn verified(
    path: &Path,
    size_bytes: u64,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<Sha256, Error> {
    if size_bytes > settings.max_hash_bytes.0 {
        return Err(refused(match wanted.sha256 {
            Some(_) => "Local file too large to hash; increase ARTIFACT_MAX_HASH_BYTES",
            None => "sha256 required for large local files",
        }));
    }
    let digest = hash(path).map_err(|error| Error::internal(&error))?;
    match wanted.sha256 {
        Some(expected) if expected != digest => Err(refused("SHA256 mismatch for local file")),
        _ => Ok(digest),
    }
}

fn hash(path: &Path) -> io::Result<Sha256> {
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Hasher::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// The absolute path without links and dots, of something that may not exist.
fn where_it_leads(path: &Path) -> io::Result<PathBuf> {
    let mut rest: Vec<OsString> = parts(&std::path::absolute(path)?);
    let (mut resolved, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = rest.pop() {
        if part == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&part);
        match fs::read_link(&next) {
            Ok(link) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                if link.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                rest.extend(parts(&link));
            }
            // Not a link, or not there: then nothing behind it is either.
            Err(_) => resolved = next,
        }
    }
    Ok(resolved)
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_where_they_lead_even_to_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(root.join("inside")).unwrap();
        symlink("../outside", root.join("inside/link")).unwrap();
        symlink("/nowhere/at", root.join("inside/dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for (path, leads_to) in [
            ("inside/a", root.join("inside/a")),
            ("inside/link/a", root.join("outside/a")),
            ("inside/dangling/all", "/nowhere/at/all".into()),
            ("inside/../../x", root.parent().unwrap().join("x")),
            ("inside/link/../x", root.join("x")),
        ] {
            assert_eq!(
                where_it_leads(&root.join(path)).unwrap(),
                leads_to,
                "{path}"
            );
        }
        assert!(where_it_leads(&root.join("loop")).is_err());
    }
}
