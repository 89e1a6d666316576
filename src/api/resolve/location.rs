//! Where a URI leads: to this machine, or to an origin.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

use artifact_cache_layers::semantics::{object_name::ObjectName, target_uri::TargetUri};

use super::{super::percent, refused};
use crate::error::Error;

/// Where a URI leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// To an origin.
    Remote,
    /// To a path here, as it was written.
    Local(PathBuf),
}

impl Location {
    /// Without a scheme it is a path.
    pub(super) fn of(uri: &str, allow_http: bool) -> Result<Self, Error> {
        let Some(scheme) = scheme(uri) else {
            return Ok(Self::Local(uri.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Ok(Self::Local(file(uri, &uri[scheme.len() + 1..])?)),
            "s3" | "minio" => Ok(Self::Remote),
            "http" | "https" if allow_http => Ok(Self::Remote),
            _ => Err(refused(format!("Unsupported scheme: {scheme}"))),
        }
    }
}

/// The target of a remote URI.
pub(super) fn target(uri: &str) -> Result<TargetUri, Error> {
    let invalid = |why: &dyn std::fmt::Display| refused(format!("Invalid artifact_uri: {why}"));
    let target = match object(uri) {
        Some(object) => TargetUri::of_object(object),
        None => uri.parse(),
    };
    target.map_err(|error| invalid(&error))
}

/// The object of an `s3` or `minio` URI. Its key is taken as it is written, as the clients of this route
/// write it: nothing in it is an escape.
fn object(uri: &str) -> Option<ObjectName> {
    let (scheme, rest) = uri.split_once("://")?;
    let is_object = ["s3", "minio"]
        .iter()
        .any(|it| scheme.eq_ignore_ascii_case(it));
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    is_object.then(|| ObjectName {
        store: None,
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

/// What stands before the first colon, if it can be a scheme (RFC 3986 §3.1).
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let mut characters = scheme.chars();
    let is_scheme = characters.next()?.is_ascii_alphabetic()
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

/// The path of a `file` URI (RFC 8089), which names this machine or none.
fn file(uri: &str, rest: &str) -> Result<PathBuf, Error> {
    let encoded = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            if !path.starts_with('/') {
                return Err(refused(format!("Path not allowed: {uri}")));
            }
            path
        }
    };
    let path = OsString::from_vec(percent::decoded(encoded));
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(uri: &str) -> String {
        match Location::of(uri, false) {
            Ok(Location::Local(path)) => path.display().to_string(),
            other => panic!("{uri}: {other:?}"),
        }
    }

    #[test]
    fn a_path_is_what_has_no_scheme_or_that_of_files() {
        for (uri, path) in [
            ("/a/b", "/a/b"),
            ("a/b:c", "a/b:c"),
            ("./a:b", "./a:b"),
            ("file:///a%20b", "/a b"),
            ("FILE://localhost/a", "/a"),
            ("file:/a%2", "/a%2"),
            ("file:a", "a"),
        ] {
            assert_eq!(local(uri), path, "{uri}");
        }
    }

    #[test]
    fn other_schemes_and_other_machines_are_refused_by_name() {
        for (uri, message) in [
            ("ftp://host/a", "Unsupported scheme: ftp"),
            ("http://host/a", "Unsupported scheme: http"),
            ("sha256:abc", "Unsupported scheme: sha256"),
            ("file://host/a", "Path not allowed: file://host/a"),
        ] {
            let error = Location::of(uri, false).expect_err(uri);
            assert_eq!(error.message(), message);
        }
        assert_eq!(Location::of("http://host/a", true), Ok(Location::Remote));
    }

    #[test]
    fn a_bucket_alone_is_no_artifact() {
        for uri in ["s3://bucket", "s3://bucket/", "minio://bucket"] {
            assert!(target(uri).is_err(), "{uri}");
        }
        assert!(target("s3://bucket/key").is_ok());
        assert!(target("s3:///key").is_err());
    }
}
