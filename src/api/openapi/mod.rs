//! `/openapi.json`: the API described by `OpenAPI` 3.1, its schemas taken from the types that handlers read
//! and write. Each family of routes describes itself; here it is put together.

mod doors;
mod operation;
mod page;

use artifact_cache_layers::body::Body;
use http::{Response, StatusCode};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    ApiError, answer, backup, bundle, describe, files, history, jobs, manage, models, resolve,
    tokens,
};

pub(super) use self::operation::{Answer, Operation, needed, number, query, text};

/// The description.
pub(super) fn show() -> Result<Response<Body>, ApiError> {
    answer::json(StatusCode::OK, &document())
}

/// The description as a page.
pub(super) fn page() -> Response<Body> {
    answer::typed("text/html; charset=utf-8", page::of(&document()).into())
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::<String, Value>::new();
    for operation in operations(&mut generator) {
        let (path, method) = (operation.path, operation.method);
        let described = paths.entry(path).or_insert_with(|| json!({}));
        described[method] = operation.describe();
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".into(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "artifact-cache",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "security": [{}, {"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

const ABOUT: &str = "Artifacts by URL, uploaded files, and the registry of models. GET implies HEAD. The \
    registry stands below /registry as well, and /api/stats, /api/artifacts and /api/explain below /api/v1. \
    Which routes need credentials is a matter of settings: the registry always wants a key.";

fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = doors::operations();
    all.extend(resolve::operations(generator));
    all.extend(files::operations(generator));
    all.extend(models::operations(generator));
    all.extend(describe::operations(generator));
    all.extend(tokens::operations(generator));
    all.extend(history::operations(generator));
    all.extend(jobs::operations(generator));
    all.extend(manage::operations(generator));
    all.extend(backup::operations(generator));
    all.extend(bundle::operations(generator));
    all
}

/// The one error object; `detail` lists the fields where some are at fault.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "error", "message", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": ["string", "array"]},
            "instance": {"type": "string"},
            "error": {"type": "string"},
            "message": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string"},
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::routes;

    /// Path and methods, as the description and the tables of the routers have them.
    type Known = BTreeMap<String, Vec<String>>;

    fn described() -> Known {
        let paths = document()["paths"].clone();
        let paths = paths.as_object().unwrap().iter();
        let methods = |operations: &Value| {
            let names = operations.as_object().unwrap().keys();
            let mut names: Vec<_> = names.map(|name| name.to_uppercase()).collect();
            names.retain(|name| name != "HEAD");
            names.sort();
            names
        };
        paths
            .map(|(path, operations)| (path.clone(), methods(operations)))
            .collect()
    }

    #[test]
    fn every_route_of_every_router_is_described_and_no_other() {
        let tables = routes::known()
            .chain(models::known())
            .chain(files::known())
            .chain(tokens::known())
            .chain(jobs::known())
            .chain(manage::known())
            .chain(backup::known())
            .chain(bundle::known())
            .chain(resolve::known())
            .chain(history::known())
            .chain(doors::known());
        let known: Known = tables
            .map(|(template, allow)| {
                let names = allow.split(", ").filter(|name| *name != "HEAD");
                let mut names: Vec<_> = names.map(str::to_owned).collect();
                names.sort();
                (template.to_owned(), names)
            })
            .collect();
        assert_eq!(described(), known);
    }

    #[test]
    fn the_page_names_every_operation_and_loads_nothing() {
        let document = document();
        let page = page::of(&document);
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        }
        for foreign in ["<script", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
