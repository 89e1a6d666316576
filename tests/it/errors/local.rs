//! Errors of the routes of our own.

use artifact_cache::{error::Error, respond::respond};

/// One of each kind, in the order of `fixtures/errors.json`.
pub(super) fn errors() -> Vec<Error> {
    let text = str::to_owned;
    let problem = serde_json::json!({
        "type": "missing", "loc": ["body", "artifact_uri"], "msg": "Field required", "input": {},
    });
    let (message, problems) = (text("Unsupported scheme: ftp"), vec![problem]);
    let (absent, conflict) = (text("Artifact not found"), text("the file is not there"));
    vec![
        Error::InvalidInput { message },
        Error::InvalidFields { problems },
        Error::Absent { message: absent },
        Error::PointerNotFound,
        Error::Conflict { message: conflict },
        Error::DigestMismatch {
            algorithm: "md5",
            expected: text("00"),
            actual: text("01"),
        },
        Error::PayloadTooLarge { limit: 10 },
        Error::RangeNotSatisfiable { length: 10 },
    ]
}

#[test]
fn refusals_of_our_own_routes_come_with_the_fields_they_demand() {
    let field = |error: Error, name: &str| {
        let response = respond(&error, &super::form());
        response.headers()[name].to_str().unwrap().to_owned()
    };
    let unsatisfiable = Error::RangeNotSatisfiable { length: 10 };
    assert_eq!(field(unsatisfiable, "content-range"), "bytes */10");
}
