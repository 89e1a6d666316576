//! Bounded JSON documents of clients, and what is wrong with their fields, in the form that clients of
//! the replaced services know: one object for each, with `type`, `loc`, `msg` and `input`.

use artifact_cache_layers::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// Largest JSON document that is read, in bytes.
pub(super) const MAX_JSON: u64 = 64 << 10;

/// The fields of an object, taken one by one; what is wrong with them is gathered.
pub(super) struct Fields {
    object: Map<String, Value>,
    problems: Vec<Value>,
}

/// All of a request body, if it is not longer than `limit` bytes.
pub(super) async fn read(mut body: Body, limit: u64) -> Result<Vec<u8>, Error> {
    use http_body::Body as _;
    if body.size_hint().lower() > limit {
        return Err(Error::PayloadTooLarge { limit });
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::BadRequest {
            reason: format!("the request body broke off: {error}"),
        })?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() as u64 > limit {
            return Err(Error::PayloadTooLarge { limit });
        }
    }
    Ok(bytes)
}

impl Fields {
    /// The fields of a document that must be an object.
    pub(super) fn parse(document: &[u8]) -> Result<Self, Error> {
        let problem = match serde_json::from_slice(document) {
            Ok(Value::Object(object)) => {
                let problems = Vec::new();
                return Ok(Self { object, problems });
            }
            Ok(other) => json!({
                "type": "dict_type",
                "loc": ["body"],
                "msg": "Input should be a valid dictionary",
                "input": other,
            }),
            Err(error) => json!({
                "type": "json_invalid",
                "loc": ["body", error.column()],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": error.to_string()},
            }),
        };
        let problems = vec![problem];
        Err(Error::InvalidFields { problems })
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        if !self.object.contains_key(name) {
            let input = Value::Object(self.object.clone());
            self.problem("missing", name, "Field required", input);
        }
        match self.object.remove(name) {
            Some(Value::String(text)) => text,
            Some(other) => {
                self.problem("string_type", name, "Input should be a valid string", other);
                String::new()
            }
            None => String::new(),
        }
    }

    /// A text that may be absent, which null and the empty text are, too.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        match self.object.remove(name)? {
            Value::Null => None,
            Value::String(text) => (!text.is_empty()).then_some(text),
            other => {
                self.problem("string_type", name, "Input should be a valid string", other);
                None
            }
        }
    }

    /// A number that is not negative and may be absent.
    pub(super) fn optional_number(&mut self, name: &'static str) -> Option<u64> {
        let value = self.object.remove(name)?;
        let is_negative = value.as_i64().is_some_and(|number| number < 0)
            || value.as_f64().is_some_and(|number| number < 0.0);
        match value {
            Value::Null => None,
            value if value.as_u64().is_some() => value.as_u64(),
            value if is_negative => {
                let message = "Input should be greater than or equal to 0";
                self.problem("greater_than_equal", name, message, value);
                None
            }
            value => {
                self.problem("int_type", name, "Input should be a valid integer", value);
                None
            }
        }
    }

    /// A boolean that may be absent.
    pub(super) fn optional_switch(&mut self, name: &'static str) -> Option<bool> {
        match self.object.remove(name)? {
            Value::Null => None,
            Value::Bool(switch) => Some(switch),
            other => {
                self.problem("bool_type", name, "Input should be a valid boolean", other);
                None
            }
        }
    }

    /// Notes that a field has a value that it cannot have.
    #[expect(clippy::needless_pass_by_value, reason = "it moves into the document")]
    pub(super) fn problem(&mut self, kind: &str, name: &str, message: &str, input: Value) {
        self.problems.push(json!({
            "type": kind,
            "loc": ["body", name],
            "msg": message,
            "input": input,
        }));
    }

    /// Refuses the document when something is wrong with it; fields nobody took are unknown.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        for (name, input) in std::mem::take(&mut self.object) {
            let message = "Extra inputs are not permitted";
            self.problem("extra_forbidden", &name, message, input);
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        let problems = self.problems;
        Err(Error::InvalidFields { problems })
    }
}
