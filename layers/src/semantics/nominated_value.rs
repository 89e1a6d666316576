//! Normal forms of nominated request fields (RFC 9111 §4.1).
//!
//! "The header fields from two requests are defined to match if and only if those in the first request
//! can be transformed to those in the second request by applying any of the following:" whitespace
//! "where allowed in the header field's syntax", "combining multiple header field lines with the same
//! field name", and "normalizing both header field values in a way that is known to have identical
//! semantics". Two values that match have the same normal form.

use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{cache_key::is_digested, list};
use crate::digest::Sha256;

/// The normal form of a field of a request; `None` when the field is absent.
pub(super) fn normalised(name: &HeaderName, request_fields: &HeaderMap) -> Option<Vec<u8>> {
    if !request_fields.contains_key(name) {
        return None;
    }
    let lines = || {
        request_fields
            .get_all(name)
            .into_iter()
            .map(HeaderValue::as_bytes)
    };
    let members = || lines().flat_map(list::members);
    // A quote may hold commas and semicolons, or never end: such a list keeps its order and case.
    let is_plain = || !lines().any(|line| line.contains(&b'"'));
    Some(match *name {
        // A cookie may come on several lines of HTTP/2 (RFC 9113 §8.2.3).
        header::COOKIE => digest(&joined(lines().map(list::trim), b"; ")),
        _ if is_digested(name) => digest(&joined(lines().map(list::trim), b", ")),
        header::ACCEPT if is_plain() => preferences(members(), is_before_parameters),
        header::ACCEPT_LANGUAGE | header::ACCEPT_ENCODING | header::ACCEPT_CHARSET
            if is_plain() =>
        {
            preferences(members(), |_| true)
        }
        _ => joined(lines().flat_map(list::elements), b","),
    })
}

/// Hex, so that it reads as text like every other value.
fn digest(secret: &[u8]) -> Vec<u8> {
    Sha256::of(secret).to_string().into_bytes()
}

/// Members of equal weight stand in no order (RFC 9110 §12.5), and saying a thing twice says it once.
/// Lower-cases where `has_no_case` says so of what a member begins with. All members share one buffer:
/// this is on the path of a hit.
fn preferences<'a>(
    members: impl Iterator<Item = &'a [u8]>,
    has_no_case: fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(128);
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(8);
    for member in members {
        let start = text.len();
        write_member(member, has_no_case, &mut text);
        if start < text.len() {
            spans.push(start..text.len());
        }
    }
    let member = |span: &Range<usize>| &text[span.start..span.end];
    spans.sort_unstable_by(|one, other| member(one).cmp(member(other)));
    spans.dedup_by(|one, other| member(one) == member(other));
    joined(spans.iter().map(member), b",")
}

/// Type and subtype are case-insensitive; the values of parameters need not be (RFC 9110 §8.3.1).
fn is_before_parameters(part: &[u8]) -> bool {
    !part.starts_with(b";")
}

/// `member` without whitespace around its semicolons, and without a weight that says what the absence
/// of one says: "If no "q" parameter is present, the default weight is 1." (RFC 9110 §12.4.2)
fn write_member(member: &[u8], has_no_case: fn(&[u8]) -> bool, text: &mut Vec<u8>) {
    for (at, part) in member
        .split(|byte| *byte == b';')
        .map(list::trim)
        .enumerate()
    {
        let start = text.len();
        match part {
            part if at == 0 => text.extend_from_slice(part),
            [b'q' | b'Q', b'=', weight @ ..] => match shortest(weight) {
                b"1" => {}
                weight => text.extend(b";q=".iter().chain(weight)),
            },
            part => text.extend(b";".iter().chain(part)),
        }
        if has_no_case(&text[start..]) {
            text[start..].make_ascii_lowercase();
        }
    }
}

/// A weight without the zeros at its end: `0.50` and `0.5`, `1.000` and `1` are the same.
fn shortest(weight: &[u8]) -> &[u8] {
    match weight {
        [b'0' | b'1', b'.', decimals @ ..] if decimals.iter().all(u8::is_ascii_digit) => {
            let zeros = decimals
                .iter()
                .rev()
                .take_while(|digit| **digit == b'0')
                .count();
            let short = &weight[..weight.len() - zeros];
            short.strip_suffix(b".").unwrap_or(short)
        }
        weight => weight,
    }
}

fn joined<'a>(members: impl Iterator<Item = &'a [u8]>, separator: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(64);
    for (at, member) in members.enumerate() {
        value.extend_from_slice(if at == 0 { b"" } else { separator });
        value.extend_from_slice(member);
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(name: &HeaderName, lines: &[&str]) -> String {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(name, line.parse().unwrap());
        }
        String::from_utf8(normalised(name, &fields).unwrap()).unwrap()
    }

    fn unknown(lines: &[&str]) -> String {
        normal(&HeaderName::from_static("foo"), lines)
    }

    #[test]
    fn lines_are_combined_and_spaces_around_commas_removed() {
        assert_eq!(unknown(&["1", "2"]), "1,2");
        assert_eq!(unknown(&[" 1,\t2 "]), "1,2");
    }

    #[test]
    fn an_unknown_field_keeps_order_case_quotes_and_empty_members() {
        assert_eq!(unknown(&["b, A"]), "b,A");
        assert_eq!(unknown(&["\"1, 2\""]), "\"1, 2\"");
        assert_eq!(unknown(&["1,,2"]), "1,,2");
        assert_ne!(unknown(&["1", ""]), unknown(&["1"]));
    }

    #[test]
    fn an_absent_field_is_not_an_empty_one() {
        assert_eq!(normalised(&header::ACCEPT, &HeaderMap::new()), None);
        assert_eq!(normal(&header::ACCEPT, &[""]), "");
    }

    #[test]
    fn languages_have_neither_order_nor_case() {
        let one = normal(&header::ACCEPT_LANGUAGE, &["en, de;q=0.50"]);
        assert_eq!(
            one,
            normal(&header::ACCEPT_LANGUAGE, &[" DE ; Q=0.5,eN;q=1.0 "])
        );
        assert_ne!(one, normal(&header::ACCEPT_LANGUAGE, &["en;q=0.5, de"]));
    }

    #[test]
    fn the_parameters_of_a_media_range_keep_their_case() {
        let one = normal(&header::ACCEPT, &["Text/HTML;v=A, */*"]);
        assert_eq!(one, normal(&header::ACCEPT, &["*/*, text/html; v=A"]));
        assert_ne!(one, normal(&header::ACCEPT, &["text/html;v=a, */*"]));
        assert_eq!(
            normal(&header::ACCEPT, &["a/b;v=\"; Q=1.0\""]),
            "a/b;v=\"; Q=1.0\""
        );
    }

    #[test]
    fn a_list_with_quotes_is_left_as_it_is() {
        let quoted = "text/HTML;v=\"; Q=1.0, a/b\",a/b";
        assert_eq!(normal(&header::ACCEPT, &[quoted]), quoted);
        assert_eq!(normal(&header::ACCEPT, &["q\",a"]), "q\",a");
    }

    #[test]
    fn weights_end_without_zeros() {
        for (weight, short) in [
            ("1", "1"),
            ("1.000", "1"),
            ("0.50", "0.5"),
            ("0", "0"),
            ("10", "10"),
            ("..", ".."),
            ("0.x0", "0.x0"),
        ] {
            assert_eq!(shortest(weight.as_bytes()), short.as_bytes());
        }
    }

    #[test]
    fn cookies_on_several_lines_are_one_cookie_field() {
        assert_eq!(
            normal(&header::COOKIE, &["a=1", "b=2"]),
            normal(&header::COOKIE, &["a=1; b=2"])
        );
    }

    proptest! {
        // `cache_key::matches` compares a request's bytes with a normal form before it normalises.
        #[test]
        fn a_normal_form_is_its_own_normal_form(value in "[ ,;=\"a-cA-C0-1.qQ\\\\]{0,24}") {
            for name in [header::ACCEPT, header::ACCEPT_LANGUAGE, HeaderName::from_static("foo")] {
                let once = normal(&name, &[&value]);
                prop_assert_eq!(normal(&name, &[&once]), once);
            }
        }
    }
}
