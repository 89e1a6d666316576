//! The doors to bytes: their heads, and the errors that they answer as JSON. The bytes themselves have
//! whatever media type their origin gave them.

use serde_json::json;

use super::{Answer, Operation, needed, query, text};

/// The doors, with their methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [FETCH, BY_PATH, CAS, MIRROR]
        .into_iter()
        .map(|path| (path, "GET, HEAD"))
}

const FETCH: &str = "/fetch";
const BY_PATH: &str = "/fetch/{scheme}/{host}/{path}";
const CAS: &str = "/cas/sha256/{sha256}";
const MIRROR: &str = "/mirror/{name}/{path}";

/// The doors.
pub(super) fn operations() -> Vec<Operation> {
    let pin = query("sha256", &text());
    let mode = query("mode", &json!({"enum": ["spool", "stream"]}));
    let url = needed("url", &json!({"type": "string", "format": "uri"}));
    let parameters = vec![url, pin, mode];
    vec![
        bytes(FETCH, "An artifact, from the store or its origin")
            .with(parameters)
            .asking_origin(),
        bytes(
            BY_PATH,
            "The same; `path` and query are passed on byte for byte",
        )
        .asking_origin(),
        bytes(CAS, "Stored bytes by their digest"),
        bytes(
            MIRROR,
            "Below a configured base URL; `path` may have any number of segments",
        )
        .asking_origin(),
    ]
}

fn bytes(path: &'static str, summary: &'static str) -> Operation {
    let bytes = || Answer::Other("*/*");
    Operation::answering(path, "get", summary, "200", bytes())
        .or("206", bytes())
        .or("304", Answer::Nothing)
}
