//! Members of comma-separated field values (RFC 9110 §5.6.1), found in one pass over the bytes.

/// Members of a list whose quoted strings know the backslash (RFC 9110 §5.6.4): split at commas outside
/// quotes, without surrounding whitespace. "A recipient MUST parse and ignore a reasonable number of
/// empty list elements" (§5.6.1.2).
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    elements(value).filter(|member| !member.is_empty())
}

/// Members of a list of entity tags: a backslash inside their quotes is a character like any other
/// (RFC 9110 §8.8.3).
pub(super) fn entity_tags(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let elements = Elements {
        rest: Some(value),
        backslash: false,
    };
    elements.filter(|member| !member.is_empty())
}

/// As [`members`], with the empty ones, for fields that may not be lists.
pub(super) const fn elements(value: &[u8]) -> Elements<'_> {
    Elements {
        rest: Some(value),
        backslash: true,
    }
}

/// What stands between the commas of one field line.
pub(super) struct Elements<'a> {
    rest: Option<&'a [u8]>,
    backslash: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (element, rest) = rest.split_at(end_of_member(rest, self.backslash));
        self.rest = rest.get(1..);
        Some(trim(element))
    }
}

/// Where the first member of `text` ends: its comma, or the end. A quote that never ends swallows
/// the rest, so that nothing inside it is taken for a directive.
fn end_of_member(text: &[u8], backslash: bool) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted && backslash => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// `text` without optional whitespace at both ends (RFC 9110 §5.6.3).
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A non-negative integer of decimal digits only; one too large for `u64` is the largest `u64`.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum: u64, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        members(text.as_bytes())
            .map(|member| str::from_utf8(member).unwrap())
            .collect()
    }

    #[test]
    fn commas_split_only_outside_quotes() {
        assert_eq!(
            split("a, b=\"c, d\\\"e, f\" ,, g"),
            ["a", "b=\"c, d\\\"e, f\"", "g"]
        );
    }

    #[test]
    fn an_open_quote_swallows_the_rest() {
        assert_eq!(split("a=\"b, max-age=1"), ["a=\"b, max-age=1"]);
    }

    #[test]
    fn a_backslash_does_not_escape_in_an_entity_tag() {
        let tags: Vec<_> = entity_tags(b"\"a\\\", \"b\"").collect();
        assert_eq!(tags, [&b"\"a\\\""[..], b"\"b\""]);
    }

    #[test]
    fn too_many_digits_saturate() {
        assert_eq!(digits(b"99999999999999999999999"), Some(u64::MAX));
        assert_eq!(digits(b"007"), Some(7));
        assert_eq!(digits(b"-1"), None);
        assert_eq!(digits(b""), None);
    }
}
