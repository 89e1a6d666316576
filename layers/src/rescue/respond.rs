//! [`Respond`], which response answers which error.

use std::error::Error;

use http::{Request, Response};

use crate::body::Body;

/// Answers errors. Any `Fn(&(dyn Error + 'static)) -> Response<Body>` does; implement it by hand where
/// the answer depends on the request, which is gone by the time something failed.
pub trait Respond {
    /// What must be remembered of a request to answer for it.
    type Memo;

    /// Remembers a request, before it is served. Every request pays for this: clone reference counts,
    /// not texts.
    fn remember(&self, request: &Request<Body>) -> Self::Memo;

    /// The response to a request that failed.
    fn respond(&self, memo: Self::Memo, error: &(dyn Error + 'static)) -> Response<Body>;
}

impl<F: Fn(&(dyn Error + 'static)) -> Response<Body>> Respond for F {
    type Memo = ();

    fn remember(&self, _request: &Request<Body>) {}

    fn respond(&self, (): (), error: &(dyn Error + 'static)) -> Response<Body> {
        self(error)
    }
}
