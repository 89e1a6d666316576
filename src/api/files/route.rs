//! Which path is which route of files and pointers.

use super::invalid;
use crate::{
    artifact::file::{MAX_NAME, Owner, PointerName},
    error::Error,
};

/// A route of files or pointers. A pointer's name may be none that one can have.
pub(super) enum Route<'a> {
    Files,
    Sign,
    /// A file, with the text that stands for its id.
    File(&'a str),
    Info(&'a str),
    Pointer(Result<PointerName, Error>),
    History(Result<PointerName, Error>),
}

impl Route<'_> {
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Files | Self::Sign => "POST",
            Self::File(_) => "GET, HEAD, DELETE",
            Self::Info(_) | Self::History(_) => "GET, HEAD",
            Self::Pointer(_) => "GET, HEAD, PUT, DELETE",
        }
    }
}

/// The route of a path; paths are exact, without a trailing slash.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    match path {
        "/files" => return Some(Route::Files),
        "/files:sign" => return Some(Route::Sign),
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/files/") {
        let id = rest.strip_suffix("/info");
        let route = id.map_or(Route::File(rest), Route::Info);
        let is_segment = |id: &str| !id.is_empty() && !id.contains('/');
        return is_segment(id.unwrap_or(rest)).then_some(route);
    }
    let (owner, rest) = match path.strip_prefix("/runs/") {
        Some(rest) => (Owner::Run, rest),
        None => (Owner::Tokenizer, path.strip_prefix("/tokenizers/")?),
    };
    let (id, rest) = rest.split_once('/')?;
    match rest {
        "artifact" => Some(Route::Pointer(name(owner, id))),
        "artifact/history" => Some(Route::History(name(owner, id))),
        _ => None,
    }
}

fn name(owner: Owner, encoded: &str) -> Result<PointerName, Error> {
    let decoded = super::super::percent::decoded(encoded);
    let id = String::from_utf8(decoded).ok();
    let name = id.and_then(|id| PointerName::new(owner, &id));
    name.ok_or_else(|| {
        invalid(format!(
            "a run or tokenizer is named by 1 to {MAX_NAME} characters without separators"
        ))
    })
}
