//! [`Answers`], what is kept of the answers that may be given again.

use std::{sync::Arc, time::SystemTime};

use http::{Extensions, HeaderMap, Response, StatusCode};
use quick_cache::sync::Cache;

use super::head::{Asked, Head, weight};
use crate::{
    body::Body,
    extensions::{Repeatable, Served},
};

/// What all heads may take in memory, in bytes.
const CAPACITY_BYTES: u64 = 32 << 20;
/// How many usual ones that is: room made at the start.
const EXPECTED: usize = 16 << 10;

/// Answers by the head of their request.
pub(super) struct Answers(Cache<Head, Arc<Answer>, ByBytes>);

/// The head of an answer, and where to get its bytes again.
struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    extensions: Extensions,
    /// The clock when it was given; not given again when the clock shows less.
    since: SystemTime,
    repeatable: Repeatable,
    weight: u64,
}

#[derive(Clone)]
struct ByBytes;

impl quick_cache::Weighter<Head, Arc<Answer>> for ByBytes {
    fn weight(&self, head: &Head, answer: &Arc<Answer>) -> u64 {
        head.weight() as u64 + answer.weight
    }
}

impl Answers {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(EXPECTED, CAPACITY_BYTES, ByBytes))
    }

    /// The answer to a request with this head, if it is still right.
    pub(super) fn recall(&self, asked: &Asked<'_>, now: SystemTime) -> Option<Response<Body>> {
        let answer = self.0.get(asked)?;
        if now < answer.since || now >= answer.repeatable.until {
            return None;
        }
        let mut response = Response::new(answer.repeatable.bytes.repeat()?);
        *response.status_mut() = answer.status;
        response.headers_mut().clone_from(&answer.fields);
        *response.extensions_mut() = answer.extensions.clone();
        Some(response)
    }

    /// Keeps an answer that may be given again.
    pub(super) fn keep(&self, head: Head, response: &mut Response<Body>, since: SystemTime) {
        let Some(repeatable) = response.extensions_mut().remove::<Repeatable>() else {
            return;
        };
        let fields = response.headers().clone();
        let answer = Answer {
            status: response.status(),
            weight: weight(&fields) as u64 + size_of::<Answer>() as u64,
            fields,
            extensions: kept(response.extensions()),
            since,
            repeatable,
        };
        self.0.insert(head, Arc::new(answer));
    }
}

/// What layers outside read of an answer.
fn kept(of: &Extensions) -> Extensions {
    let mut kept = Extensions::new();
    if let Some(served) = of.get::<Served>() {
        kept.insert(*served);
    }
    #[cfg(feature = "semantics")]
    if let Some(target) = of.get::<std::sync::Arc<crate::extensions::Target>>() {
        kept.insert(target.clone());
    }
    kept
}
