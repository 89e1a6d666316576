//! `/api/v1/history`: the time series of the main figures.

use std::time::{Duration, UNIX_EPOCH};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Request, Response, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;
use url::form_urlencoded;

use super::{
    ApiError, answer,
    openapi::{Operation, query},
    routed::{Routed, Routes},
    timestamp::rfc3339,
};
use crate::{
    artifact::figures::{Figures, Slot, Step},
    jobs::history::History,
};

const PATH: &str = "/api/v1/history";
const METHODS: &str = "GET, HEAD";
const EXPECTED: &str = "must be 10s, 1m or 15m";

/// The route.
#[derive(Clone)]
pub struct TimeSeries(History);

/// What happened, step by step.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "History")]
struct Series {
    /// The length of a step.
    step_seconds: u64,
    /// For how long such steps are kept.
    kept_seconds: u64,
    /// The steps in order of time; those in which the cache did not run are absent.
    items: Vec<Item>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HistoryItem")]
struct Item {
    /// When the step began.
    at: String,
    #[serde(flatten)]
    figures: Figures,
}

impl TimeSeries {
    /// The route over `history`, in front of `inner`.
    pub const fn before<S>(history: History, inner: S) -> Routed<Self, S> {
        Routed::new(Self(history), inner)
    }

    fn show(&self, query: &str) -> Result<Response<Body>, BoxError> {
        let step = step(query)?;
        let slots = self.0.read(step, 0);
        let slots = slots.map_err(|error| ApiError::Internal(error.into()))?;
        let series = Series {
            step_seconds: step.seconds(),
            kept_seconds: step.kept_seconds(),
            items: slots.iter().map(Item::of).collect(),
        };
        Ok(answer::json(StatusCode::OK, &series)?)
    }
}

impl Item {
    fn of(slot: &Slot) -> Self {
        Self {
            at: rfc3339(UNIX_EPOCH + Duration::from_secs(slot.start)),
            figures: slot.figures,
        }
    }
}

fn step(query: &str) -> Result<Step, BoxError> {
    let mut step = Step::Minute;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "step" {
            return Err(ApiError::UnknownParameter(name.into_owned()).into());
        }
        let mut all = Step::ALL.into_iter();
        step = all
            .find(|step| step.word() == value)
            .ok_or(ApiError::InvalidParameter {
                parameter: "step",
                reason: EXPECTED,
            })?;
    }
    Ok(step)
}

impl Routes for TimeSeries {
    fn is_own(&self, path: &str) -> bool {
        path == PATH
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let query = request.uri().query().unwrap_or_default();
        match *request.method() {
            Method::GET => self.show(query),
            Method::HEAD => self.show(query).map(answer::without_body),
            _ => Err(ApiError::MethodNotAllowed(METHODS).into()),
        }
    }
}

/// The route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(PATH, METHODS)].into_iter()
}

/// The route as the description of the API has it.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let series = generator.subschema_for::<Series>().to_value();
    let words = Step::ALL.map(Step::word);
    let step = query("step", &json!({"enum": words}));
    let summary = "What happened lately, step by step";
    vec![Operation::new(PATH, "get", summary, &series).with(vec![step])]
}
