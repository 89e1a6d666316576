//! `Evaluation`: what an evaluator writes of one suite, and how it joins what is there.

use serde_json::{Map, Value};

use super::Model;
use crate::artifact::canonical;

/// The result of one suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// The suite.
    pub suite: String,
    /// Its metrics; each replaces the one of the same name.
    pub metrics: Map<String, Value>,
    /// What it was evaluated on.
    pub dataset: Option<String>,
    /// The commit of the evaluator.
    pub eval_commit: Option<String>,
    /// How it was evaluated.
    pub eval_config: Option<Map<String, Value>>,
    /// What people say about it.
    pub notes: Option<String>,
    /// When, as it is to be written.
    pub recorded_at: String,
}

impl Evaluation {
    /// Joins the model's metrics, and returns the payload of the event that tells of it.
    pub(super) fn join(&self, model: &mut Model, actor: &str) -> Map<String, Value> {
        let mut all = model.metrics_object();
        let prior = canonical::digest(&all);
        let mut suites = object(all.remove("suites"));
        let mut entry = object(suites.remove(&self.suite));
        entry.extend(self.metrics.clone());
        let mut meta = object(entry.remove("_meta"));
        meta.extend(self.about());
        meta.insert("recorded_at".into(), self.recorded_at.clone().into());
        meta.insert("actor".into(), actor.into());
        entry.insert("_meta".into(), meta.into());
        suites.insert(self.suite.clone(), entry.into());
        all.insert("suites".into(), suites.into());
        model.metrics = Some(Value::Object(all).to_string());
        self.payload(&prior.to_string())
    }

    fn payload(&self, prior: &str) -> Map<String, Value> {
        let mut payload = self.about();
        payload.insert("suite".into(), self.suite.clone().into());
        payload.insert("metrics".into(), self.metrics.clone().into());
        payload.insert("prior_metrics_sha256".into(), prior.into());
        payload
    }

    /// What is said about the evaluation itself.
    fn about(&self) -> Map<String, Value> {
        let texts = [
            ("dataset", &self.dataset),
            ("eval_commit", &self.eval_commit),
            ("notes", &self.notes),
        ];
        let mut about: Map<String, Value> = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())))
            .collect();
        if let Some(config) = &self.eval_config {
            about.insert("eval_config".into(), config.clone().into());
        }
        about
    }
}

/// The object that a value is; an empty one for anything else, which then is replaced.
fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
