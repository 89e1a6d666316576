//! The gate before production: the required suite must be there, and its score not below that of the
//! version that is in production now.

use serde_json::{Map, Value};

use super::{Model, Refusal};

/// Whether `candidate` may replace `production`.
pub(super) fn check(
    suite: Option<&str>,
    candidate: &Model,
    production: Option<&Model>,
) -> Result<(), Refusal> {
    let Some(suite) = suite else {
        return Ok(());
    };
    let suites = candidate.suites();
    if !suites.contains_key(suite) {
        return Err(Refusal::SuiteMissing(suite.to_owned()));
    }
    let ours = score(&suites, suite);
    let theirs = production.and_then(|model| score(&model.suites(), suite));
    match (ours, theirs) {
        (Some(candidate), Some(production)) if candidate < production => {
            Err(Refusal::ScoreTooLow {
                suite: suite.to_owned(),
                candidate,
                production,
            })
        }
        _ => Ok(()),
    }
}

/// The score of a suite, when it is a number.
fn score(suites: &Map<String, Value>, suite: &str) -> Option<f64> {
    suites.get(suite)?.get("score")?.as_f64()
}
