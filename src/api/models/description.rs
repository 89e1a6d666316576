//! `/openapi.json`: the registry described by `OpenAPI` 3.1, its schemas taken from the types that the
//! handlers read and write.

use artifact_cache_layers::body::Body;
use http::Response;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    answer,
    record::{Compared, Deleted, EventRecord, Record, Stats},
    requests::{CreateModel, UpdateModel, WriteMetrics},
};
use crate::{artifact::model::Stage, error::Error};

/// What an operation is: path, method, what it does, its parameters, its body and its answer.
struct Operation {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    query: Vec<Value>,
    body: Option<Value>,
    answer: Value,
}

/// The description.
pub(super) fn show() -> Result<Response<Body>, Error> {
    answer::json(&document())
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
            "title": "artifact-cache: the registry of models",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "security": [{"key": []}, {"bearer": []}],
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

fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = models(generator);
    all.extend(of_model(generator));
    all.extend(sums(generator));
    all
}

fn models(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let stage = generator.subschema_for::<Stage>().to_value();
    let model = generator.subschema_for::<Record<'_>>().to_value();
    let list = json!({"type": "array", "items": model});
    let create = generator.subschema_for::<CreateModel>().to_value();
    let number = |least: u32, most: Option<u32>| json!({"type": "integer", "minimum": least, "maximum": most.unwrap_or(i32::MAX.unsigned_abs())});
    let text = || json!({"type": "string"});
    let filters = vec![
        query("status", &stage),
        query("name", &text()),
        query("q", &text()),
        query("tag", &text()),
        query("run_id", &text()),
        query("limit", &number(1, Some(200))),
        query("offset", &number(0, None)),
        query(
            "sort",
            &json!({"enum": ["created_at", "updated_at", "training_step"]}),
        ),
        query("order", &json!({"enum": ["asc", "desc"]})),
    ];
    vec![
        Operation::new("/models", "get", "List models", &list).with_query(filters),
        Operation::new("/models", "post", "Register a model", &model).with_body(create),
        Operation::new("/models/status/{status}", "get", "List a stage", &list),
        Operation::new(
            "/models/by-name/{name}/{version}",
            "get",
            "Find a model",
            &model,
        ),
        Operation::new(
            "/production/{name}",
            "get",
            "The version in production",
            &model,
        ),
    ]
}

fn of_model(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let stage = generator.subschema_for::<Stage>().to_value();
    let model = generator.subschema_for::<Record<'_>>().to_value();
    let event = generator.subschema_for::<EventRecord<'_>>().to_value();
    let events = json!({"type": "array", "items": event});
    let deleted = generator.subschema_for::<Deleted>().to_value();
    let update = generator.subschema_for::<UpdateModel>().to_value();
    let metrics = generator.subschema_for::<WriteMetrics>().to_value();
    let suites = json!({"type": "object"});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 500});
    let offset = json!({"type": "integer", "minimum": 0});
    let (one, of_metrics) = ("/models/{model_id}", "/models/{model_id}/metrics");
    vec![
        Operation::new(one, "get", "Show a model", &model),
        Operation::new(one, "patch", "Change fields of a model", &model).with_body(update),
        Operation::new(one, "delete", "Remove a model", &deleted),
        Operation::new(of_metrics, "get", "Metrics by suite", &suites)
            .with_query(vec![query("suite", &json!({"type": "string"}))]),
        Operation::new(of_metrics, "post", "Write metrics of a suite", &model)
            .with_body(metrics)
            .with_query(vec![query("if_updated_at", &json!({"type": "string"}))]),
        Operation::new(
            "/models/{model_id}/events",
            "get",
            "The audit trail",
            &events,
        )
        .with_query(vec![query("limit", &limit), query("offset", &offset)]),
        Operation::new(
            "/models/{model_id}/promote",
            "post",
            "Move to a stage",
            &model,
        )
        .with_query(vec![query("to_status", &stage)]),
    ]
}

fn sums(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let compared = generator.subschema_for::<Compared<'_>>().to_value();
    let stats = generator.subschema_for::<Stats>().to_value();
    let mut ids = query("ids", &json!({"type": "string"}));
    ids["required"] = true.into();
    vec![
        Operation::new("/compare", "get", "Put models side by side", &compared)
            .with_query(vec![ids]),
        Operation::new("/stats", "get", "How many models there are", &stats),
    ]
}

fn query(name: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

impl Operation {
    fn new(
        path: &'static str,
        method: &'static str,
        summary: &'static str,
        answer: &Value,
    ) -> Self {
        Self {
            path,
            method,
            summary,
            query: Vec::new(),
            body: None,
            answer: answer.clone(),
        }
    }

    fn with_query(self, query: Vec<Value>) -> Self {
        Self { query, ..self }
    }

    fn with_body(self, body: Value) -> Self {
        let body = Some(body);
        Self { body, ..self }
    }

    fn describe(self) -> Value {
        let mut parameters = self.path_parameters();
        parameters.extend(self.query);
        let mut responses = json!({"200": content("Done", &self.answer)});
        let refused = json!({"$ref": "#/components/schemas/Problem"});
        for (status, meaning) in REFUSALS {
            responses[status] = content(meaning, &refused);
        }
        let mut operation = json!({
            "summary": self.summary,
            "operationId": format!("{} {}", self.method, self.path),
            "parameters": parameters,
            "responses": responses,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = json!({
                "required": true,
                "content": {"application/json": {"schema": body}},
            });
        }
        operation
    }

    fn path_parameters(&self) -> Vec<Value> {
        let names = self.path.split('/').filter_map(|segment| {
            segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
        });
        names
            .map(|name| {
                let schema = match name {
                    "model_id" => json!({"type": "integer"}),
                    "status" => json!({"type": "string", "enum": Stage::ALL.map(Stage::word)}),
                    _ => json!({"type": "string"}),
                };
                json!({"name": name, "in": "path", "required": true, "schema": schema})
            })
            .collect()
    }
}

/// What any operation may answer instead.
const REFUSALS: [(&str, &str); 8] = [
    ("400", "The request cannot be used"),
    ("401", "No valid key"),
    ("404", "There is no such model"),
    ("409", "The state forbids it, or has changed"),
    ("412", "The entity tag has changed"),
    ("413", "The request is too large"),
    ("422", "The request does not have the form of the route"),
    ("503", "No key is configured, or the registry is busy"),
];

fn content(description: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": schema}},
    })
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
