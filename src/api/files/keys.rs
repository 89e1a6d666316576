//! Who may do what with files: keys by permission, beside the tokens of the whole cache.

use artifact_cache_layers::digest::Sha256;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, header, request::Parts};

use crate::{
    access::{self, Caller},
    config::{Config, secret::Secret},
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

/// Whether the credentials of a request give a permission. A token that has it does. Otherwise a key must:
/// reading and deleting without keys of their own take those of uploading, and a permission without any
/// key is everybody's, unless tokens are asked for.
pub(super) fn permit(config: &Config, scope: Scope, request: &Parts) -> Result<(), Error> {
    let caller = request.extensions.get::<Caller>();
    if caller.is_some_and(|caller| caller.token().is_some()) {
        return access::require(&request.extensions, scope.of_tokens());
    }
    let settings = &config.files;
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
    match given(&request.headers) {
        None if keys.is_empty() && caller.is_some() => {
            access::require(&request.extensions, scope.of_tokens())
        }
        _ if keys.is_empty() && !config.auth.tokens => Ok(()),
        None => Err(Error::Unauthorized {
            reason: "a key is needed",
        }),
        Some(key) if is_one_of(key, keys) => Ok(()),
        Some(_) => Err(Error::Forbidden {
            reason: "the key does not permit this".into(),
        }),
    }
}

/// How the credentials of an upload are called, for retention: the id of its token, or the beginning of
/// the digest of its key. Empty for none, and for a signed URL.
pub(super) fn name(config: &Config, request: &Parts) -> String {
    let caller = request.extensions.get::<Caller>();
    if let Some(token) = caller.and_then(Caller::token) {
        return token.to_string();
    }
    let key = given(&request.headers).filter(|key| is_one_of(key, &config.files.upload_keys));
    key.map_or_else(String::new, |key| {
        Sha256::of(key).to_string()[..8].to_owned()
    })
}

impl Scope {
    /// What a token must have.
    const fn of_tokens(self) -> access::Scope {
        match self {
            Self::Upload => access::Scope::FilesUpload,
            Self::Read => access::Scope::FilesRead,
            Self::Delete => access::Scope::FilesDelete,
        }
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
