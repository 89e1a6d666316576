//! Forms: JSON bodies and queries field by field, with every fault found at once, in the words of the
//! registry's first implementation. Types are JSON's own: a number in quotes is a text.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::{artifact::model::Stage, error::Error};

/// What is wrong with a value: kind, message and, for a choice, what was expected.
pub(super) struct Fault {
    kind: &'static str,
    message: Cow<'static, str>,
    context: Option<(&'static str, Value)>,
}

/// A type that a field of a body can have.
pub(super) trait Field: Sized {
    /// The value of a field that is not there; nothing when it must be.
    fn absent() -> Option<Self>;
    /// The value of one that is.
    fn read(value: &Value) -> Result<Self, Fault>;
}

pub(super) fn fault(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Fault {
    Fault {
        kind,
        message: message.into(),
        context: None,
    }
}

impl Fault {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.context = Some((name, value.into()));
        self
    }

    fn at(self, loc: &[&str], input: &Value) -> Value {
        let (kind, message) = (self.kind, self.message);
        let mut problem = json!({"type": kind, "loc": loc, "msg": message, "input": input});
        if let Some((name, value)) = self.context {
            problem["ctx"] = json!({name: value});
        }
        problem
    }

    /// The error of a request with this one fault.
    pub(super) fn error(self, loc: &[&str], input: impl Into<Value>) -> Error {
        Error::InvalidFields {
            problems: vec![self.at(loc, &input.into())],
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl Field for String {
    fn absent() -> Option<Self> {
        None
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| fault("string_type", "Input should be a valid string"))
    }
}

impl Field for bool {
    fn absent() -> Option<Self> {
        Some(false)
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        value
            .as_bool()
            .ok_or_else(|| fault("bool_type", "Input should be a valid boolean"))
    }
}

impl Field for i64 {
    fn absent() -> Option<Self> {
        None
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole numbers within ±2^53 are exact"
        )]
        let whole = |number: f64| {
            let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
            is_whole.then_some(number as Self)
        };
        let number = value.as_i64().or_else(|| value.as_f64().and_then(whole));
        number.ok_or_else(|| fault("int_type", "Input should be a valid integer"))
    }
}

impl Field for f64 {
    fn absent() -> Option<Self> {
        None
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        value
            .as_f64()
            .ok_or_else(|| fault("float_type", "Input should be a valid number"))
    }
}

impl Field for Stage {
    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        let stage = value.as_str().and_then(|text| text.parse().ok());
        stage.ok_or_else(|| choice(&Self::ALL.map(Self::word)))
    }
}

impl Field for Vec<String> {
    fn absent() -> Option<Self> {
        None
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        let items = value
            .as_array()
            .ok_or_else(|| fault("list_type", "Input should be a valid list"))?;
        items.iter().map(String::read).collect()
    }
}

impl Field for Map<String, Value> {
    fn absent() -> Option<Self> {
        None
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        let object = value.as_object().cloned();
        object.ok_or_else(|| fault("dict_type", "Input should be a valid dictionary"))
    }
}

/// The fault of a text that is none of a few words.
pub(super) fn choice(words: &[&str]) -> Fault {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let expected = match quoted.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        few => few.concat(),
    };
    fault("literal_error", format!("Input should be {expected}")).with("expected", expected)
}

/// The fields of a body, taken out one after the other.
pub(super) struct Fields {
    object: Map<String, Value>,
    problems: Vec<Value>,
    whole: Value,
}

impl Fields {
    /// The fields of a body, which must be an object.
    pub(super) fn of(body: Value) -> Result<Self, Error> {
        match body {
            Value::Object(object) => Ok(Self {
                whole: Value::Object(object.clone()),
                object,
                problems: Vec::new(),
            }),
            other => Err(fault(
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
            )
            .error(&["body"], other)),
        }
    }

    /// The field of the first of `names` that is there. `None` only when a fault was noted.
    pub(super) fn take<T: Field>(&mut self, names: &[&'static str]) -> Option<T> {
        let mut found = names
            .iter()
            .filter_map(|name| Some((*name, self.object.remove(*name)?)))
            .collect::<Vec<_>>()
            .into_iter();
        match found.next() {
            Some((name, value)) => T::read(&value)
                .map_err(|fault| self.problems.push(fault.at(&["body", name], &value)))
                .ok(),
            None => T::absent().or_else(|| {
                let missing = fault("missing", "Field required");
                self.problems
                    .push(missing.at(&["body", names[0]], &self.whole));
                None
            }),
        }
    }

    /// Every fault, with those of fields that nobody took.
    pub(super) fn finish<T>(mut self, read: Option<T>) -> Result<T, Error> {
        for (name, value) in std::mem::take(&mut self.object) {
            let extra = fault("extra_forbidden", "Extra inputs are not permitted");
            self.problems.push(extra.at(&["body", &name], &value));
        }
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(Error::InvalidFields {
                problems: self.problems,
            }),
        }
    }
}

/// A query, read by name. Names that nobody asks for are left alone, as they always were.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The query of a request.
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The last value of a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter().rev();
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same, but an empty value is none.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    /// One of a few words, with what each stands for.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, Error> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let mut known = words.iter();
        let found = known.find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            choice(&names).error(&["query", name], text)
        })
    }

    /// A number of a range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
        default: i64,
    ) -> Result<usize, Error> {
        let Some(text) = self.text(name) else {
            return Ok(usize::try_from(default).unwrap_or_default());
        };
        let number = integer(text).map_err(|fault| fault.error(&["query", name], text))?;
        let (least, most) = range.into_inner();
        let fault = if number < least {
            let message = format!("Input should be greater than or equal to {least}");
            fault("greater_than_equal", message).with("ge", least)
        } else if number > most {
            let message = format!("Input should be less than or equal to {most}");
            fault("less_than_equal", message).with("le", most)
        } else {
            return Ok(usize::try_from(number).unwrap_or_default());
        };
        Err(fault.error(&["query", name], text))
    }
}

/// A whole number; beyond 64 bits the nearest one that fits, which is nobody's number.
pub(super) fn integer(text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(fault(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ));
    }
    let beyond = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Ok(text.parse().unwrap_or(beyond))
}
