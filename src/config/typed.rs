//! Brings a value, as a person wrote it, into the type that its setting deserializes from.

use std::{net::IpAddr, str::FromStr};

use figment::value::{Num, Value};
use ipnet::IpNet;

use super::setting::Kind;

/// What a value should have been.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Mistyped {
    #[error("must be true or false (or 1/0, yes/no, on/off)")]
    Switch,
    #[error("must be a whole number")]
    Number,
    #[error("must be a whole number from 0 to {0}")]
    NumberUpTo(u64),
    #[error("must be a text; write it in quotes")]
    Text,
    #[error("is read as a number; write it in quotes")]
    Fraction,
    #[error("must be an IP address, such as `0.0.0.0` or `::1`")]
    Address,
    #[error("must be a CIDR range, such as `10.0.0.0/8`")]
    Network,
    #[error("must be one of {}", in_backticks(.0))]
    Choice(&'static [(&'static str, &'static str)]),
}

/// The value as `kind` wants it. Texts with units are left to their own types.
pub(super) fn typed(kind: Kind, value: Value) -> Result<Value, Mistyped> {
    match kind {
        Kind::Optional(kind) => typed(*kind, value),
        Kind::Switch => switch(&value),
        Kind::Number(most) => number(most, &value),
        Kind::List(kind) => list(*kind, value),
        Kind::Text | Kind::Secret | Kind::Path => text(value),
        Kind::Address => parsed::<IpAddr>(value, Mistyped::Address),
        Kind::Network => parsed::<IpNet>(value, Mistyped::Network),
        Kind::Choice(words) => choice(words, value),
        Kind::Span | Kind::Size | Kind::Section(_) | Kind::Named(_) => Ok(value),
    }
}

fn switch(value: &Value) -> Result<Value, Mistyped> {
    let word = match value {
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Num(_, number) => number.to_u128().map(|number| number.to_string()),
        other => other.as_str().map(|text| text.trim().to_lowercase()),
    };
    match word.as_deref() {
        Some("1" | "true" | "yes" | "on") => Ok(true.into()),
        Some("0" | "false" | "no" | "off") => Ok(false.into()),
        _ => Err(Mistyped::Switch),
    }
}

fn number(most: u64, value: &Value) -> Result<Value, Mistyped> {
    let number = match value {
        Value::Num(_, number) => unsigned(*number),
        Value::String(_, text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if number <= most => Ok(number.into()),
        _ if most == u64::MAX => Err(Mistyped::Number),
        _ => Err(Mistyped::NumberUpTo(most)),
    }
}

/// A whole number that is not negative; figment would truncate a fraction.
fn unsigned(number: Num) -> Option<u64> {
    match number {
        Num::F32(_) | Num::F64(_) => None,
        number => match number.to_i128() {
            Some(number) => number.try_into().ok(),
            None => number.to_u128().and_then(|number| number.try_into().ok()),
        },
    }
}

/// `[a, b]` as YAML or as text, `a,b`, or a single `a`.
fn list(kind: Kind, value: Value) -> Result<Value, Mistyped> {
    let items = match value {
        Value::Array(_, items) => items,
        Value::String(_, text) => split(&text).map(Value::from).collect(),
        single => vec![single],
    };
    let items: Result<Vec<Value>, _> = items.into_iter().map(|item| typed(kind, item)).collect();
    items.map(Value::from)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inner
        .unwrap_or(text)
        .split(',')
        .map(|item| item.trim().trim_matches(['"', '\'']))
        .filter(|item| !item.is_empty())
}

/// `user_agent: 12345` and `allow_ports: [443]` are text as well.
fn text(value: Value) -> Result<Value, Mistyped> {
    match value {
        Value::String(..) => Ok(value),
        Value::Num(_, number) => match unsigned(number) {
            Some(number) => Ok(number.to_string().into()),
            None => Err(Mistyped::Fraction),
        },
        _ => Err(Mistyped::Text),
    }
}

fn parsed<T: FromStr>(value: Value, expected: Mistyped) -> Result<Value, Mistyped> {
    match value.as_str().map(str::parse::<T>) {
        Some(Ok(_)) => Ok(value),
        _ => Err(expected),
    }
}

fn choice(words: &'static [(&str, &str)], value: Value) -> Result<Value, Mistyped> {
    if words.iter().any(|(word, _)| value.as_str() == Some(word)) {
        Ok(value)
    } else {
        Err(Mistyped::Choice(words))
    }
}

fn in_backticks(words: &[(&str, &str)]) -> String {
    let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    words.join(", ")
}
