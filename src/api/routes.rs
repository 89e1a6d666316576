//! Which path is which route, and which methods it has.

/// A local route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Index,
    Health,
    Alive,
    Ready,
    Setup,
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

/// The route of a path; paths are exact, without a trailing slash.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    Some(match path {
        "/" => Route::Index,
        "/health" => Route::Health,
        "/healthz" => Route::Alive,
        "/readyz" => Route::Ready,
        "/setup" => Route::Setup,
        "/metrics" => Route::Metrics,
        "/api/stats" | "/api/v1/stats" => Route::Stats,
        "/api/explain" | "/api/v1/explain" => Route::Explain,
        "/api/artifacts" | "/api/v1/artifacts" => Route::Artifacts,
        _ => Route::Artifact(artifact_id(path)?),
    })
}

/// Whether a path is one of the local routes.
pub fn is_local(path: &str) -> bool {
    route(path).is_some()
}

fn artifact_id(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1/artifacts/")
        .or_else(|| path.strip_prefix("/api/artifacts/"))
        .filter(|id| !id.is_empty() && !id.contains('/'))
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
