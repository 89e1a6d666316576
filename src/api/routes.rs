//! Which path is which route, and which methods it has.

use super::template::{captures, first};

/// A local route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Index,
    Health,
    Alive,
    Ready,
    Setup,
    Docs,
    Stats,
    Artifacts,
    /// One artifact, with the text that stands for its number.
    Artifact(&'a str),
    /// What is made of a URL.
    Explain,
    Metrics,
}

impl Route<'_> {
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Artifact(_) => "GET, HEAD, DELETE",
            _ => "GET, HEAD",
        }
    }
}

type Make = for<'a> fn(&[&'a str]) -> Option<Route<'a>>;

/// Every route, by the template of its path.
const TABLE: [(&str, Make); 15] = [
    ("/", |_| Some(Route::Index)),
    ("/health", |_| Some(Route::Health)),
    ("/healthz", |_| Some(Route::Alive)),
    ("/readyz", |_| Some(Route::Ready)),
    ("/setup", |_| Some(Route::Setup)),
    ("/docs", |_| Some(Route::Docs)),
    ("/metrics", |_| Some(Route::Metrics)),
    ("/api/stats", |_| Some(Route::Stats)),
    ("/api/v1/stats", |_| Some(Route::Stats)),
    ("/api/explain", |_| Some(Route::Explain)),
    ("/api/v1/explain", |_| Some(Route::Explain)),
    ("/api/artifacts", |_| Some(Route::Artifacts)),
    ("/api/v1/artifacts", |_| Some(Route::Artifacts)),
    ("/api/artifacts/{id}", |found| {
        Some(Route::Artifact(first(found)?))
    }),
    ("/api/v1/artifacts/{id}", |found| {
        Some(Route::Artifact(first(found)?))
    }),
];

/// The route of a path; paths are exact, without a trailing slash.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    let mut routes = TABLE.iter();
    routes.find_map(|(template, make)| make(&captures(template, path)?))
}

/// Whether a path is one of the local routes.
pub fn is_local(path: &str) -> bool {
    route(path).is_some()
}

/// Every template with its methods; what has two spellings has one here.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = TABLE
        .iter()
        .filter(|(template, _)| !template.starts_with("/api/v1/"));
    all.filter_map(|(template, _)| Some((*template, route(template)?.methods())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_an_api_path_are_one_route() {
        assert_eq!(route("/api/stats"), route("/api/v1/stats"));
        assert_eq!(route("/api/artifacts"), route("/api/v1/artifacts"));
        assert_eq!(route("/api/artifacts/7"), Some(Route::Artifact("7")));
        assert_eq!(route("/api/v1/artifacts/7"), Some(Route::Artifact("7")));
    }

    #[test]
    fn the_doors_to_artifacts_are_not_local() {
        assert!(!is_local("/fetch"));
        assert!(!is_local("/cas/sha256/00"));
    }
}
