//! Reads pages: whether every element is closed, and what stands in an attribute.

/// Elements that have no end tag.
const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "hr"];
/// Elements of SVG that close themselves.
const CLOSED: [&str; 2] = ["line", "path"];

/// Panics unless the tags of a page are well nested and no attribute is cut.
#[track_caller]
pub(super) fn assert_well_formed(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    while let Some(at) = rest.find('<') {
        let end = end_of_tag(&rest[at..]).unwrap_or_else(|| panic!("a tag that does not end"));
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{open:?}");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        assert!(
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "<{tag}>"
        );
        let closes_itself = CLOSED.contains(&name) && tag.ends_with('/');
        if !VOID.contains(&name) && !closes_itself {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Where a tag ends: behind its quoted attributes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut characters = text.char_indices();
    let end = characters.find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '>' && !quoted
    });
    end.map(|(at, _)| at)
}

/// What follows `before`, up to the next quote.
#[track_caller]
pub(super) fn attribute(page: &str, before: &str) -> String {
    let (_, rest) = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}
