//! Which path of the registry is which route, and which methods it has. Every path stands below
//! `/registry` as well.

use artifact_cache_layers::body::Body;
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{super::answer, description};
use crate::error::Error;

/// The path below which everything stands once more, with `/` and `/health` of the registry itself.
const ALIAS: &str = "/registry";

/// A route of the registry; parameters are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Root,
    Health,
    Description,
    Models,
    Model(String),
    Metrics(String),
    Events(String),
    Promote(String),
    OfStage(String),
    Named(String, String),
    Production(String),
    Artifact(String),
    ProductionArtifact(String),
    Compare,
    Stats,
}

/// Whether a path is one of the registry's.
#[must_use]
pub fn is_registry(path: &str) -> bool {
    path == ALIAS
        || path.starts_with("/registry/")
        || path == "/models"
        || path.starts_with("/models/")
        || path.starts_with("/production/")
        || path == "/compare"
        || path == "/stats"
        || path == "/openapi.json"
}

/// The route of a path.
pub(super) fn route(path: &str) -> Option<Route> {
    let own = path.strip_prefix(ALIAS);
    let is_alias = own.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = own.filter(|_| is_alias).unwrap_or(path);
    let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        [""] if is_alias => Some(Route::Root),
        ["health"] if is_alias => Some(Route::Health),
        ["models"] => Some(Route::Models),
        ["compare"] => Some(Route::Compare),
        ["stats"] => Some(Route::Stats),
        ["openapi.json"] => Some(Route::Description),
        ["production", name] => Some(Route::Production(decoded(name))),
        ["production", name, "artifact"] => Some(Route::ProductionArtifact(decoded(name))),
        ["models", "status", stage] => Some(Route::OfStage(decoded(stage))),
        ["models", "by-name", name, version] => Some(Route::Named(decoded(name), decoded(version))),
        ["models", id] => Some(Route::Model(decoded(id))),
        ["models", id, part] => of_model(decoded(id), part),
        _ => None,
    }
}

fn of_model(id: String, part: &str) -> Option<Route> {
    match part {
        "metrics" => Some(Route::Metrics(id)),
        "events" => Some(Route::Events(id)),
        "promote" => Some(Route::Promote(id)),
        "artifact" => Some(Route::Artifact(id)),
        _ => None,
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

impl Route {
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Models | Self::Metrics(_) => "GET, HEAD, POST",
            Self::Model(_) => "GET, HEAD, PATCH, DELETE",
            Self::Promote(_) => "POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether the route has this method.
    pub(super) fn takes(&self, method: &Method) -> bool {
        let mut methods = self.methods().split(", ");
        methods.any(|name| name == method.as_str())
    }

    /// The answer of the routes that need no key.
    pub(super) fn public(&self) -> Option<Result<Response<Body>, Error>> {
        let value = match self {
            Self::Root => json!({"service": "model-registry", "status": "ok"}),
            Self::Health => json!({"status": "healthy"}),
            Self::Description => return Some(description::show()),
            _ => return None,
        };
        let answer = answer::json(StatusCode::OK, &value);
        Some(answer.map_err(|error| Error::internal(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_stands_below_the_alias_too() {
        for path in [
            "/models",
            "/models/7",
            "/models/7/metrics",
            "/models/status/staging",
            "/models/by-name/a%2Fb/v%201",
            "/production/m",
            "/compare",
            "/stats",
        ] {
            let alias = format!("/registry{path}");
            assert!(is_registry(path) && is_registry(&alias), "{path}");
            assert!(route(path).is_some(), "{path}");
            assert_eq!(route(path), route(&alias), "{path}");
        }
        assert_eq!(route("/registry"), Some(Route::Root));
        assert_eq!(route("/registry/health"), Some(Route::Health));
        assert_eq!(
            route("/models/by-name/a%2Fb/v%201"),
            Some(Route::Named("a/b".into(), "v 1".into()))
        );
    }

    #[test]
    fn what_looks_alike_is_no_route() {
        for path in [
            "/models/",
            "/models/1/x",
            "/models/1/metrics/x",
            "/production/a/b/c",
        ] {
            let found = route(path);
            assert!(
                found.is_none() || found == Some(Route::Model(String::new())),
                "{path}"
            );
        }
        assert!(!is_registry("/registryx") && !is_registry("/modelsx"));
    }
}
