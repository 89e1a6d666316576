//! [`Head`], by which a request is recognised, and the view of it that a look-up needs.

use std::hash::{Hash, Hasher};

use http::{HeaderMap, Method, Request, Uri, Version, header};
use http_body::Body as _;
use quick_cache::Equivalent;

use crate::{body::Body, extensions::Once};

/// Named anew for each request by whoever stands outside; no answer depends on it.
const REQUEST_ID: &str = "x-request-id";

/// More fields than any client of downloads sends: such heads are passed on without a look.
const MAX_FIELDS: usize = 24;

/// The head of a request whose answer is kept.
pub(super) struct Head {
    uri: Uri,
    version: Version,
    fields: HeaderMap,
}

/// The head of a request that is looked up.
pub(super) struct Asked<'a> {
    uri: &'a Uri,
    version: Version,
    fields: &'a HeaderMap,
}

impl<'a> Asked<'a> {
    /// The head of `request`, unless its answer must not be another's: only a GET without a body and
    /// without credentials.
    pub(super) fn of(request: &'a Request<Body>) -> Option<Self> {
        let fields = request.headers();
        let is_plain = request.method() == Method::GET
            && request.extensions().get::<Once>().is_none()
            && request.body().is_end_stream()
            && fields.len() <= MAX_FIELDS
            && !fields.contains_key(header::AUTHORIZATION)
            && !fields.contains_key(header::PROXY_AUTHORIZATION)
            && !fields.contains_key("x-api-key");
        is_plain.then(|| Self {
            uri: request.uri(),
            version: request.version(),
            fields,
        })
    }

    pub(super) fn to_head(&self) -> Head {
        let mut fields = self.fields.clone();
        fields.remove(REQUEST_ID);
        Head {
            uri: self.uri.clone(),
            version: self.version,
            fields,
        }
    }
}

impl Head {
    fn as_asked(&self) -> Asked<'_> {
        Asked {
            uri: &self.uri,
            version: self.version,
            fields: &self.fields,
        }
    }

    /// What it takes in memory, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        weight(&self.fields) + target(&self.uri).1.len()
    }
}

/// What fields take in memory, roughly, in bytes.
pub(super) fn weight(fields: &HeaderMap) -> usize {
    let entry = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 112
    };
    fields.iter().map(entry).sum()
}

/// Authority and the rest of a target. Their schemes are compared as well, though hardly ever decisive.
fn target(uri: &Uri) -> (&str, &str) {
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let rest = uri.path_and_query();
    (authority, rest.map_or("", http::uri::PathAndQuery::as_str))
}

fn decisive(fields: &HeaderMap) -> impl Iterator<Item = (&http::HeaderName, &http::HeaderValue)> {
    fields.iter().filter(|(name, _)| *name != REQUEST_ID)
}

impl Hash for Asked<'_> {
    /// The fields are left to the comparison, but for their values' lengths: most clients of one
    /// artifact send the same.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (authority, rest) = target(self.uri);
        state.write(authority.as_bytes());
        state.write(rest.as_bytes());
        let lengths = decisive(self.fields).map(|(_, value)| value.len());
        state.write_usize(lengths.fold(0, |all: usize, length| {
            all.wrapping_mul(31).wrapping_add(length)
        }));
    }
}

impl Hash for Head {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_asked().hash(state);
    }
}

impl PartialEq for Asked<'_> {
    fn eq(&self, other: &Self) -> bool {
        target(self.uri) == target(other.uri)
            && self.version == other.version
            && self.uri.scheme_str() == other.uri.scheme_str()
            && decisive(self.fields).eq(decisive(other.fields))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.as_asked() == other.as_asked()
    }
}

impl Eq for Head {}

impl Equivalent<Head> for Asked<'_> {
    fn equivalent(&self, head: &Head) -> bool {
        *self == head.as_asked()
    }
}
