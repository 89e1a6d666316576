//! The JSON lines of `model export`: `{"model": …}` or `{"event": …}`.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::fields::Fields;

/// Longest line, in bytes.
const MAX_LINE: u64 = 16 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Model(Map<String, Value>),
    Event(Map<String, Value>),
}

/// Reads every line.
pub(super) fn read(source: impl Read) -> Result<super::Read, String> {
    let mut source = BufReader::new(source);
    let mut read = super::Read::default();
    let (mut models, mut events) = (BTreeSet::new(), BTreeSet::new());
    for number in 1_u64.. {
        let mut line = Vec::new();
        let length = source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if length.map_err(|error| error.to_string())? == 0 {
            break;
        }
        let at = |why: String| format!("line {number}: {why}");
        if line.len() as u64 == MAX_LINE {
            return Err(at("it is too long".into()));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line).map_err(|_| at(WANTED.into()))? {
            Line::Model(fields) => {
                let model = Fields(fields).model().map_err(at)?;
                if !models.insert(model.id) {
                    return Err(at(format!("the number {} is there twice", model.id)));
                }
                read.incoming.models.push(model);
            }
            Line::Event(fields) => {
                let event = Fields(fields).event().map_err(at)?;
                if !events.insert(event.id) {
                    return Err(at(format!("the number {} is there twice", event.id)));
                }
                read.incoming.events.push(event);
            }
        }
    }
    Ok(read)
}

const WANTED: &str = "it is neither a SQLite file nor a line of `model export`";
