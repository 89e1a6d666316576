//! JSON in the one form whose SHA-256 the audit trail keeps: keys sorted, no white space, characters
//! beyond ASCII as they are, numbers as Python writes them, so that a reader there gets the same digest.

use std::fmt::Write as _;

use artifact_cache_layers::digest::Sha256;
use serde_json::{Map, Value};

/// The digest of an object's canonical form.
#[must_use]
pub fn digest(object: &Map<String, Value>) -> Sha256 {
    let mut text = String::new();
    write_object(object, &mut text);
    Sha256::of(text.as_bytes())
}

/// A floating-point number as Python writes it: the shortest digits that read back the same, with an
/// exponent below 1e-4 and from 1e16 on.
#[must_use]
pub fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        let whole = !plain.contains('.');
        return if whole { plain + ".0" } else { plain };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => write_object(object, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write(item, text);
            }
            text.push(']');
        }
        Value::Number(number) if number.is_f64() => {
            text.push_str(&float(number.as_f64().unwrap_or_default()));
        }
        // Strings, whole numbers, true, false and null are the same everywhere.
        plain => drop(write!(text, "{plain}")),
    }
}

fn write_object(object: &Map<String, Value>, text: &mut String) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    text.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        write(&Value::String(name.clone()), text);
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.5, "0.5"),
            (-2.25, "-2.25"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn the_form_is_sorted_and_dense() {
        let value = serde_json::json!({"b": [1, 2.0, null], "a": {"z": "ü\n", "y": true}});
        let mut text = String::new();
        write(&value, &mut text);
        assert_eq!(
            text,
            "{\"a\":{\"y\":true,\"z\":\"ü\\n\"},\"b\":[1,2.0,null]}"
        );
        // `hashlib.sha256(b"{}")`
        assert_eq!(
            digest(&Map::new()).to_string(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
