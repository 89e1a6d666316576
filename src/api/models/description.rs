//! The registry as the description of the API has it.

use schemars::SchemaGenerator;
use serde_json::json;

use super::{
    record::{Compared, Deleted, EventRecord, Record, Stats},
    requests::{CreateModel, UpdateModel, WriteMetrics},
};
use crate::{
    api::openapi::{Answer, Operation, needed, number, query, text},
    artifact::model::Stage,
};

/// The registry.
pub(in crate::api) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = models(generator);
    all.extend(of_model(generator));
    all.extend(sums(generator));
    all.extend(bytes());
    let named = json!({"type": "object"});
    all.extend([
        Operation::new("/registry", "get", "That the registry is here", &named).public(),
        Operation::new("/registry/health", "get", "That it is healthy", &named).public(),
    ]);
    all
}

fn bytes() -> impl Iterator<Item = Operation> {
    let paths = [
        (
            "/models/{model_id}/artifact",
            "The verified bytes of a model",
        ),
        (
            "/production/{name}/artifact",
            "The bytes of the version in production",
        ),
    ];
    paths.into_iter().map(|(path, summary)| {
        let bytes = || Answer::Other("*/*");
        Operation::answering(path, "get", summary, "200", bytes())
            .or("206", bytes())
            .or("304", Answer::Nothing)
            .asking_origin()
    })
}

fn models(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let stage = generator.subschema_for::<Stage>().to_value();
    let model = generator.subschema_for::<Record<'_>>().to_value();
    let list = json!({"type": "array", "items": model});
    let create = generator.subschema_for::<CreateModel>().to_value();
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
        Operation::new("/models", "get", "List models", &list).with(filters),
        Operation::new("/models", "post", "Register a model", &model).with_body(&create),
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
    let (limit, offset) = (number(1, Some(500)), number(0, None));
    let (one, of_metrics) = ("/models/{model_id}", "/models/{model_id}/metrics");
    vec![
        Operation::new(one, "get", "Show a model", &model),
        Operation::new(one, "patch", "Change fields of a model", &model).with_body(&update),
        Operation::new(one, "delete", "Remove a model", &deleted),
        Operation::new(of_metrics, "get", "Metrics by suite", &suites)
            .with(vec![query("suite", &json!({"type": "string"}))]),
        Operation::new(of_metrics, "post", "Write metrics of a suite", &model)
            .with_body(&metrics)
            .with(vec![query("if_updated_at", &json!({"type": "string"}))]),
        Operation::new(
            "/models/{model_id}/events",
            "get",
            "The audit trail",
            &events,
        )
        .with(vec![query("limit", &limit), query("offset", &offset)]),
        Operation::new(
            "/models/{model_id}/promote",
            "post",
            "Move to a stage",
            &model,
        )
        .with(vec![query("to_status", &stage)]),
    ]
}

fn sums(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let compared = generator.subschema_for::<Compared<'_>>().to_value();
    let stats = generator.subschema_for::<Stats>().to_value();
    let ids = needed(
        "ids",
        &json!({"type": "string", "pattern": "^-?[0-9]+(,-?[0-9]+)*$"}),
    );
    vec![
        Operation::new("/compare", "get", "Put models side by side", &compared).with(vec![ids]),
        Operation::new("/stats", "get", "How many models there are", &stats),
    ]
}
