//! Which path is which route of files and pointers.

use super::{
    super::template::{captures, first},
    invalid,
};
use crate::{
    artifact::file::{MAX_NAME, Owner, PointerName},
    error::Error,
};

/// A route of files or pointers. A pointer's name may be none that one can have.
pub(super) enum Route<'a> {
    Files,
    Sign,
    /// An upload in parts, by its name.
    Upload(&'a str),
    /// For operators: the one file whose id begins so.
    Find(&'a str),
    /// For operators: what retention makes of the files.
    Expire,
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
            Self::Files | Self::Sign | Self::Expire => "POST",
            Self::Upload(_) => "HEAD, PATCH, DELETE",
            Self::File(_) => "GET, HEAD, DELETE",
            Self::Info(_) | Self::History(_) | Self::Find(_) => "GET, HEAD",
            Self::Pointer(_) => "GET, HEAD, PUT, DELETE",
        }
    }
}

type Make = for<'a> fn(&[&'a str]) -> Option<Route<'a>>;

/// Every route, by the template of its path.
const TABLE: [(&str, Make); 11] = [
    ("/files", |_| Some(Route::Files)),
    ("/files:sign", |_| Some(Route::Sign)),
    ("/files/uploads/{upload_id}", |found| {
        Some(Route::Upload(first(found)?))
    }),
    ("/api/v1/files/{prefix}", |found| {
        Some(Route::Find(first(found)?))
    }),
    ("/api/v1/files:expire", |_| Some(Route::Expire)),
    ("/files/{file_id}", |found| Some(Route::File(first(found)?))),
    ("/files/{file_id}/info", |found| {
        Some(Route::Info(first(found)?))
    }),
    ("/runs/{run_id}/artifact", |found| {
        Some(Route::Pointer(name(Owner::Run, found.first()?)))
    }),
    ("/runs/{run_id}/artifact/history", |found| {
        Some(Route::History(name(Owner::Run, found.first()?)))
    }),
    ("/tokenizers/{tokenizer_id}/artifact", |found| {
        Some(Route::Pointer(name(Owner::Tokenizer, found.first()?)))
    }),
    ("/tokenizers/{tokenizer_id}/artifact/history", |found| {
        Some(Route::History(name(Owner::Tokenizer, found.first()?)))
    }),
];

/// The route of a path; paths are exact, without a trailing slash.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    let mut routes = TABLE.iter();
    routes.find_map(|(template, make)| make(&captures(template, path)?))
}

/// Every template with its methods.
#[cfg(test)]
pub(in crate::api) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE
        .iter()
        .filter_map(|(template, _)| Some((*template, route(template)?.methods())))
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
