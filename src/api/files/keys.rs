//! Who may do what with files: keys by permission. Other kinds of credentials join in [`permit`].

use artifact_cache_layers::digest::Sha256;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, header};

use crate::{
    config::{files::Files as Settings, secret::Secret},
    error::Error,
};

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Upload files, set pointers.
    Upload,
    /// Read files and pointers.
    Read,
    /// Delete files and pointers.
    Delete,
}

/// Whether the credentials of a request give a permission. One without any key is everybody's; reading
/// and deleting without keys of their own take those of uploading.
pub(super) fn permit(settings: &Settings, scope: Scope, fields: &HeaderMap) -> Result<(), Error> {
    let own = match scope {
        Scope::Upload => &settings.upload_keys,
        Scope::Read => &settings.read_keys,
        Scope::Delete => &settings.delete_keys,
    };
    let keys = if own.is_empty() {
        &settings.upload_keys
    } else {
        own
    };
    if keys.is_empty() {
        return Ok(());
    }
    match given(fields) {
        None => Err(Error::Unauthorized),
        Some(key) if is_one_of(key, keys) => Ok(()),
        Some(_) => Err(Error::Forbidden),
    }
}

/// The key in `X-API-Key`, or the bearer token.
fn given(fields: &HeaderMap) -> Option<&[u8]> {
    let named = fields.get("x-api-key").map(http::HeaderValue::as_bytes);
    let bearer = || {
        let value = fields.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    };
    named
        .or_else(bearer)
        .map(<[u8]>::trim_ascii)
        .filter(|key| !key.is_empty())
}

/// Takes as long whichever key it is, and however much of it is right.
fn is_one_of(given: &[u8], keys: &[Secret]) -> bool {
    let given = Sha256::of(given);
    keys.iter().fold(false, |found, key| {
        let known = Sha256::of(key.expose().as_bytes());
        found | verify_slices_are_equal(given.as_bytes(), known.as_bytes()).is_ok()
    })
}
