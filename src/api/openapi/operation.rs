//! `Operation`: one method of one path, and how the description writes it.

use serde_json::{Value, json};

/// What a successful answer is.
#[derive(Clone)]
pub(in crate::api) enum Answer {
    /// A JSON document of this schema.
    Json(Value),
    /// Something else, of this media type.
    Other(&'static str),
    /// Nothing.
    Nothing,
}

/// One method of one path.
pub(in crate::api) struct Operation {
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(&'static str, Answer)>,
    is_public: bool,
    asks_origin: bool,
}

impl Operation {
    /// A method that answers 200 with a document of this schema.
    pub(in crate::api) fn new(
        path: &'static str,
        method: &'static str,
        summary: &'static str,
        answer: &Value,
    ) -> Self {
        Self::answering(path, method, summary, "200", Answer::Json(answer.clone()))
    }

    /// A method that answers with this status.
    pub(in crate::api) fn answering(
        path: &'static str,
        method: &'static str,
        summary: &'static str,
        status: &'static str,
        answer: Answer,
    ) -> Self {
        Self {
            path,
            method,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: vec![(status, answer)],
            is_public: false,
            asks_origin: false,
        }
    }

    /// One that needs no credentials, whatever the settings.
    pub(in crate::api) fn public(self) -> Self {
        let is_public = true;
        Self { is_public, ..self }
    }

    /// One for which an origin may be asked, and may fail.
    pub(in crate::api) fn asking_origin(self) -> Self {
        let asks_origin = true;
        Self {
            asks_origin,
            ..self
        }
    }

    /// Another success, or the same in another form.
    pub(in crate::api) fn or(mut self, status: &'static str, answer: Answer) -> Self {
        self.answers.push((status, answer));
        self
    }

    /// Parameters of the query or of the head.
    pub(in crate::api) fn with(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A JSON body of this schema.
    pub(in crate::api) fn with_body(self, schema: &Value) -> Self {
        self.taking(json!({"application/json": {"schema": schema}}))
    }

    /// A body of these media types.
    pub(in crate::api) fn taking(self, content: Value) -> Self {
        let body = Some(content);
        Self { body, ..self }
    }

    /// The operation as the description has it.
    pub(super) fn describe(self) -> Value {
        let mut parameters = self.path_parameters();
        parameters.extend(self.parameters);
        let mut responses = json!({});
        for (status, answer) in self.answers {
            let mut answer = success(answer);
            // The same success in another form.
            if let Some(before) = responses[status]["content"].as_object() {
                let mut forms = before.clone();
                forms.extend(answer["content"].as_object().cloned().unwrap_or_default());
                answer = json!({"description": answer["description"], "content": forms});
            }
            responses[status] = answer;
        }
        let refused = json!({"$ref": "#/components/schemas/Problem"});
        for (status, meaning) in REFUSALS {
            let is_of_origins = matches!(status, "502" | "504");
            if responses.get(status).is_none() && (self.asks_origin || !is_of_origins) {
                responses[status] = content(meaning, &refused);
            }
        }
        let mut operation = json!({
            "summary": self.summary,
            "operationId": format!("{} {}", self.method, self.path),
            "parameters": parameters,
            "responses": responses,
        });
        if self.is_public {
            operation["security"] = json!([]);
        }
        if let Some(body) = self.body {
            operation["requestBody"] = json!({"required": true, "content": body});
        }
        operation
    }

    fn path_parameters(&self) -> Vec<Value> {
        let places = self.path.split(['/', '?']).filter_map(|segment| {
            let name = segment.strip_prefix('{')?;
            name.strip_suffix('}')
        });
        let described = places.map(|name| {
            let schema = match name {
                "model_id" => json!({"type": "integer", "minimum": 1}),
                _ => json!({"type": "string", "minLength": 1}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        });
        described.collect()
    }
}

/// A parameter of the query.
pub(in crate::api) fn query(name: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

/// One without which the request is refused.
pub(in crate::api) fn needed(name: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "required": true, "schema": schema})
}

/// A whole number of a range.
pub(in crate::api) fn number(least: u64, most: Option<u64>) -> Value {
    let mut schema = json!({"type": "integer", "minimum": least});
    if let Some(most) = most {
        schema["maximum"] = most.into();
    }
    schema
}

/// Any text.
pub(in crate::api) fn text() -> Value {
    json!({"type": "string"})
}

/// What any operation may answer instead.
const REFUSALS: [(&str, &str); 16] = [
    ("400", "The request cannot be used"),
    ("401", "No valid key or token"),
    ("403", "The key, the token or a rule does not allow it"),
    ("404", "There is no such thing"),
    ("405", "The path has other methods"),
    (
        "409",
        "The state forbids it, or other bytes came than were expected",
    ),
    ("412", "The entity tag has changed"),
    ("413", "The request is too large"),
    ("416", "There are no such bytes"),
    ("422", "The request does not have the form of the route"),
    ("429", "Too many requests"),
    ("500", "The cache failed"),
    ("502", "The origin answered badly"),
    ("503", "Not now: busy, unreachable or not configured"),
    ("504", "Not stored, and nobody was to be asked"),
    ("507", "The disk is full"),
];

fn success(answer: Answer) -> Value {
    match answer {
        Answer::Json(schema) => content("Done", &schema),
        Answer::Other(media_type) => json!({"description": "Done", "content": {media_type: {}}}),
        Answer::Nothing => json!({"description": "Done"}),
    }
}

fn content(description: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": schema}},
    })
}
