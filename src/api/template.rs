//! Paths by template: `/models/{model_id}/metrics` stands for every path with one segment in that place.
//! Routers match by tables of these, and the description of the API is held against the same tables.

/// The segments of `path` that stand in the places of `template`; `None` when it is another path. Nothing is
/// decoded, and a segment may be empty.
pub(super) fn captures<'p>(template: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let (mut places, mut segments) = (template.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (places.next(), segments.next()) {
            (None, None) => return Some(found),
            (Some(place), Some(segment)) if place.starts_with('{') => found.push(segment),
            (Some(place), Some(segment)) if place == segment => {}
            _ => return None,
        }
    }
}

/// The first of these segments, where it is not empty.
pub(super) fn first<'p>(found: &[&'p str]) -> Option<&'p str> {
    found.first().copied().filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::captures;

    #[test]
    fn places_take_one_segment_each() {
        assert_eq!(captures("/a/{b}/c", "/a/x/c"), Some(vec!["x"]));
        assert_eq!(captures("/a/{b}/c", "/a//c"), Some(vec![""]));
        assert_eq!(captures("/a", "/a"), Some(vec![]));
        for path in ["/a/x", "/a/x/c/", "/a/x/y/c", "/b/x/c", ""] {
            assert_eq!(captures("/a/{b}/c", path), None, "{path}");
        }
    }
}
