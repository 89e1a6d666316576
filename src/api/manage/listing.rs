//! What the lists of this family have in common: sizes of pages, cursors, switches.

use artifact_cache_layers::body::BoxError;

use super::invalid;

pub(super) const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The cursor of the page behind `number`; each list has a letter of its own.
pub(super) fn cursor_of(letter: char, number: u64) -> String {
    format!("{letter}{number:x}")
}

/// The number that a cursor of this list stands for.
pub(super) fn cursor(letter: char, text: &str) -> Result<u64, BoxError> {
    let number = text.strip_prefix(letter);
    number
        .and_then(|number| u64::from_str_radix(number, 16).ok())
        .ok_or_else(|| invalid("cursor", "is not one that this list gave out"))
}

pub(super) fn limit(text: &str) -> Result<usize, BoxError> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| invalid("limit", "must be a number from 1 to 200"))
}

pub(super) fn flag(name: &'static str, text: &str) -> Result<bool, BoxError> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(invalid(name, "must be true or false")),
    }
}
