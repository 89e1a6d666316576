//! The local routes as the description of the API has them.

use schemars::SchemaGenerator;
use serde_json::json;

use super::{
    artifacts::Page,
    explain::Explanation,
    export,
    health::{Readiness, Report, Status},
    index::Index,
    openapi::{Answer, Operation, needed, number, query, text},
    record::Record,
    stats::Statistics,
};

/// The local routes.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = of_state(generator);
    all.extend(of_artifacts(generator));
    let page = Answer::Other("text/html");
    let document = json!({"type": "object"});
    all.extend([
        Operation::answering(
            "/docs",
            "get",
            "This description as a page",
            "200",
            page.clone(),
        )
        .public(),
        Operation::answering("/setup", "get", "How clients are set up", "200", page).public(),
        Operation::new("/openapi.json", "get", "This description", &document).public(),
    ]);
    all
}

fn of_state(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let index = generator.subschema_for::<Index>().to_value();
    let report = generator.subschema_for::<Report>().to_value();
    let status = generator.subschema_for::<Status>().to_value();
    let readiness = generator.subschema_for::<Readiness>().to_value();
    let sums = generator.subschema_for::<Statistics>().to_value();
    let metrics = Answer::Other("text/plain");
    vec![
        Operation::new("/", "get", "What there is", &index).public(),
        Operation::new("/health", "get", "State and version", &report).public(),
        Operation::new("/healthz", "get", "Alive", &status).public(),
        Operation::new("/readyz", "get", "Ready for work", &readiness)
            .or("503", Answer::Json(readiness.clone()))
            .public(),
        Operation::answering("/metrics", "get", "Metrics of Prometheus", "200", metrics),
        Operation::new("/api/stats", "get", "Sums over the store", &sums),
    ]
}

fn of_artifacts(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let page = generator.subschema_for::<Page<'_>>().to_value();
    let record = generator.subschema_for::<Record<'_>>().to_value();
    let explanation = generator.subschema_for::<Explanation>().to_value();
    let one = "/api/artifacts/{id}";
    let url = json!({"type": "string", "format": "uri"});
    vec![
        Operation::new("/api/artifacts", "get", "What is stored", &page)
            .with(vec![
                query("limit", &number(1, Some(200))),
                query("cursor", &text()),
                query("host", &text()),
                query("prefix", &text()),
                query(
                    "sha256",
                    &json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
                ),
                query("q", &text()),
                query("content_type", &text()),
                query("tag", &text()),
                query("pinned", &json!({"type": "boolean"})),
                query("state", &json!({"enum": ["current", "stale", "past"]})),
                query("min_size", &text()),
                query("max_size", &text()),
                query("used_after", &text()),
                query("used_before", &text()),
                query("unused_for", &text()),
                query("created_after", &text()),
                query("created_before", &text()),
                query("older_than", &text()),
                query("sort", &text()),
                query("format", &json!({"enum": ["json", "ndjson"]})),
                query("count", &json!({"type": "boolean"})),
            ])
            .or("200", Answer::Other(export::MEDIA_TYPE)),
        Operation::new(one, "get", "One artifact", &record),
        Operation::answering(one, "delete", "Remove an artifact", "204", Answer::Nothing),
        Operation::new("/api/explain", "get", "What is made of a URL", &explanation)
            .with(vec![needed("url", &url)]),
    ]
}
