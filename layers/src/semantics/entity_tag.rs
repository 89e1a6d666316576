//! Entity tags and their two comparisons (RFC 9110 §8.8.3).

use super::list;

/// Whether `tag` is well formed and not weak.
pub(super) fn is_strong(tag: &[u8]) -> bool {
    match list::trim(tag) {
        [b'"', opaque @ .., b'"'] => !opaque.iter().any(|byte| *byte == b'"' || *byte < 0x21),
        _ => false,
    }
}

/// "Two entity tags are equivalent if both are not weak and their opaque-tags match
/// character-by-character." (§8.8.3.2)
pub(super) fn matches_strongly(one: &[u8], other: &[u8]) -> bool {
    is_strong(one) && list::trim(one) == list::trim(other)
}

/// "Two entity tags are equivalent if their opaque-tags match character-by-character, regardless of
/// either or both being tagged as "weak"." (§8.8.3.2) A tag without quotes, which some origins send,
/// is equivalent to itself only.
pub(super) fn matches_weakly(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

fn opaque(tag: &[u8]) -> &[u8] {
    let tag = list::trim(tag);
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_rfc_compare_as_it_says() {
        let rows: [(&[u8], &[u8], bool, bool); 4] = [
            (b"W/\"1\"", b"W/\"1\"", false, true),
            (b"W/\"1\"", b"W/\"2\"", false, false),
            (b"W/\"1\"", b"\"1\"", false, true),
            (b"\"1\"", b"\"1\"", true, true),
        ];
        for (one, other, strongly, weakly) in rows {
            assert_eq!(matches_strongly(one, other), strongly);
            assert_eq!(matches_weakly(one, other), weakly);
        }
    }

    #[test]
    fn a_malformed_tag_is_not_strong() {
        for tag in [&b""[..], b"\"", b"abc", b"w/\"1\"", b"\"a\"b\"", b"\"a b\""] {
            assert!(!is_strong(tag), "{tag:?}");
        }
    }
}
