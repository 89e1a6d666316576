//! Patterns of URLs as regular expressions, over the host and the path written together.

/// The expression for a pattern that has a `/`.
pub(super) fn regex(pattern: &str) -> String {
    let (host, path) = pattern.split_at(pattern.find('/').unwrap_or_default());
    let host = match host.strip_prefix("*.") {
        _ if host.is_empty() => "[^/]*".to_owned(),
        Some(parent) => format!(r"[^/]*\.{}", regex::escape(&parent.to_ascii_lowercase())),
        None => regex::escape(&host.to_ascii_lowercase()),
    };
    format!("^{host}{}$", path_regex(path))
}

fn path_regex(mut path: &str) -> String {
    let mut expression = String::new();
    while !path.is_empty() {
        let (token, meaning) = token(path);
        expression.push_str(&meaning);
        path = &path[token..];
    }
    expression
}

/// The length of the token that `path` begins with, and what it means.
fn token(path: &str) -> (usize, String) {
    for (token, meaning) in [
        // `/**/a` is also `/a`.
        ("/**/", "/(?:.*/)?"),
        ("**", ".*"),
        ("*", "[^/]*"),
        ("<hex>", "[0-9a-fA-F]{32,}"),
    ] {
        if path.starts_with(token) {
            return (token.len(), meaning.to_owned());
        }
    }
    let length = path.chars().next().map_or(1, char::len_utf8);
    (length, regex::escape(&path[..length]))
}
