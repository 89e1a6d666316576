//! Which path of the registry is which route, and which methods it has. Every path stands below
//! `/registry` as well.

use artifact_cache_layers::body::Body;
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::super::{answer, openapi, template::captures};
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

type Make = fn(&[&str]) -> Option<Route>;

/// Every route, by the template of its path; the first that matches is meant.
const TABLE: [(&str, Make); 15] = [
    ("/registry", |_| Some(Route::Root)),
    ("/registry/health", |_| Some(Route::Health)),
    ("/openapi.json", |_| Some(Route::Description)),
    ("/models", |_| Some(Route::Models)),
    ("/models/status/{status}", |of| {
        Some(Route::OfStage(first(of)?))
    }),
    ("/models/by-name/{name}/{version}", |of| {
        Some(Route::Named(first(of)?, decoded(of.get(1)?)))
    }),
    ("/models/{model_id}", |of| Some(Route::Model(first(of)?))),
    ("/models/{model_id}/metrics", |of| {
        Some(Route::Metrics(first(of)?))
    }),
    ("/models/{model_id}/events", |of| {
        Some(Route::Events(first(of)?))
    }),
    ("/models/{model_id}/promote", |of| {
        Some(Route::Promote(first(of)?))
    }),
    ("/models/{model_id}/artifact", |of| {
        Some(Route::Artifact(first(of)?))
    }),
    ("/production/{name}", |of| {
        Some(Route::Production(first(of)?))
    }),
    ("/production/{name}/artifact", |of| {
        Some(Route::ProductionArtifact(first(of)?))
    }),
    ("/compare", |_| Some(Route::Compare)),
    ("/stats", |_| Some(Route::Stats)),
];

/// The route of a path.
pub(super) fn route(path: &str) -> Option<Route> {
    let named = |path: &str| {
        let mut routes = TABLE.iter();
        routes.find_map(|(template, make)| make(&captures(template, path)?))
    };
    let below = path
        .strip_prefix(ALIAS)
        .filter(|rest| rest.starts_with('/'));
    named(path).or_else(|| named(below?))
}

/// Every template with its methods.
#[cfg(test)]
pub(in crate::api) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE
        .iter()
        .filter_map(|(template, _)| Some((*template, route(template)?.methods())))
}

fn first(found: &[&str]) -> Option<String> {
    found.first().map(|segment| decoded(segment))
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
            Self::Description => {
                let shown = openapi::show();
                return Some(shown.map_err(|error| Error::internal(&error)));
            }
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
